"""Which tests show that each fault and abuse of the loop ends as it must: in alerts, Slack, approvals, execution, audit, data, YAML."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parents[1]
LAST: Final = {"a": 6, "s": 6, "v": 10, "t": 2, "d": 2, "c": 1}
CASES: Final = tuple(f"{letter}{number}" for letter, last in LAST.items() for number in range(1, last + 1))
IN_A_NAME: Final = re.compile(r"[asvtdc]\d+")
# Tests that show a case and do not bear its name, because it is one of several things they show.
BESIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "a1": (
        "integration/test_two_schedulers.py::test_two_schedulers_do_every_slot_once_though_one_is_killed",
        "jobs/test_scheduler.py::test_two_schedulers_on_one_sqlite_run_every_slot_once",
    ),
    "a2": ("ledger/test_alerts_machine.py::test_alerts_behave_as_their_model",),
    "a5": (
        "jobs/test_slots.py::test_every_local_date_of_a_year_comes_once_and_in_order_however_seldom_one_looks",
        "jobs/test_slots.py::test_half_past_one_comes_twice_in_the_autumn_and_is_run_at_the_first",
        "jobs/test_slots.py::test_half_past_two_is_missing_in_the_spring_and_is_run_where_the_gap_ends",
        "jobs/test_slots.py::test_the_last_day_of_the_month_exists_in_each",
    ),
    "a6": (
        "integration/test_two_schedulers.py::test_who_is_off_the_databases_clock_takes_over_nobody_and_says_so",
        "jobs/test_check_budgets.py::test_after_downtime_every_missed_period_is_told_once",
        "jobs/test_runner.py::test_a_clock_that_jumps_and_comes_back_repeats_nothing_and_loses_nothing",
        "jobs/test_runner.py::test_after_downtime_each_slot_runs_in_order_as_of_its_own_instant",
        "ledger/test_outbox.py::test_a_clock_that_was_wrong_for_a_moment_strands_nothing",
    ),
    "s1": ("flows/test_slack_in_trouble.py::test_told_to_wait_the_bot_waits_and_posts_once",),
    "s2": ("flows/test_slack_comes_back.py::test_an_outage_ends_with_answers_again",),
    "s3": ("ledger/test_outbox_machine.py::test_no_message_is_lost_doubled_or_out_of_turn_whatever_happens",),
    "s4": ("ledger/test_outbox.py::test_what_can_never_go_is_given_up_told_otherwise_and_holds_nobody_up",),
    "s5": (
        "flows/test_over_http.py::test_an_event_without_an_answer_in_time_is_retried_by_slack_and_answered_once",
        "flows/test_slack_in_trouble.py::test_an_event_slack_sends_again_is_answered_once",
        "flows/test_many_at_once.py::test_twenty_commands_of_several_people_are_all_acknowledged_in_time_and_answered",
    ),
    "s6": (
        "flows/test_over_http.py::test_only_what_slack_signed_within_five_minutes_is_taken",
        "flows/test_over_http.py::test_a_broken_proof_is_refused",
        "flows/test_over_http.py::test_a_request_without_proof_is_refused",
        "flows/test_over_http.py::test_a_changed_body_is_refused",
        "flows/test_over_http.py::test_a_request_played_again_within_five_minutes_is_taken_without_effect",
    ),
    "v1": ("ledger/test_proposals_model.py::test_proposals_do_what_the_model_does",),
    "v3": ("flows/test_approvals_around.py::test_what_ended_meanwhile_is_not_renewed",),
    "v6": (
        "ledger/test_carrying_out_machine.py::test_actions_end_in_a_known_state_whatever_happens",
        "ledger/test_proposals_crashes.py::test_a_decision_killed_before_any_statement_left_nothing_and_is_made_by_whoever_comes_next",
    ),
    "v8": (
        "integration/test_levers_aws.py::test_an_answer_that_is_lost_is_unknown_and_found_out_by_reading",
        "integration/test_levers_aws.py::test_throttling_is_waited_out_within_limits",
        "integration/test_levers_kubernetes.py::test_a_lost_answer_is_unknown_and_found_out_by_reading",
        "integration/test_levers_kubernetes.py::test_a_busy_cluster_is_asked_again_when_it_says",
        "integration/test_levers_kubernetes.py::test_endless_conflicts_are_given_up",
    ),
    "v9": (
        "integration/test_levers_aws.py::test_an_instance_started_anew_since_is_not_stopped",
        "integration/test_levers_aws.py::test_an_instance_of_another_type_is_another",
        "integration/test_levers_aws_scaling.py::test_a_group_whose_minimum_somebody_set_is_left_alone",
        "integration/test_levers_kubernetes.py::test_a_workload_made_anew_under_the_same_name_is_another",
    ),
    "v10": ("flows/test_actions.py::test_settled_late_it_is_measured_to_the_end_that_was_agreed_to",),
    "t2": ("ledger/test_carrying_out.py::test_an_audit_that_cannot_be_written_means_no_call",),
    "d1": (
        "integration/test_anthropic.py::test_amounts_a_hundred_times_off_the_list_price_are_refused",
        "sources/test_refused_files.py::test_a_broken_file_is_refused_with_its_line_and_the_way_out",
    ),
    "c1": (
        "finops/test_yamlfile.py::test_an_alias_bomb_costs_nothing",
        "finops/test_yamlfile.py::test_deep_nesting_is_refused_before_it_costs_anything",
        "finops/test_yamlfile.py::test_a_large_file_is_refused_unread",
        "finops/test_yamlfile.py::test_what_cannot_be_read_is_told_in_one_sentence",
        "finops/test_yamlfile.py::test_words_other_readers_turn_into_something_else_stay_text",
        "finops/test_yamlfile.py::test_a_file_in_another_encoding_is_refused_with_its_line",
        "flows/test_terms_changed.py::test_the_stop_switch_pressed_in_the_file_holds_up_what_was_approved_and_not_what_is_put_back",
    ),
}


def judging(path: Path) -> set[str]:
    """The tests of a file that do something: a name over an empty body shows nothing."""
    functions = [each for each in ast.walk(ast.parse(path.read_bytes())) if isinstance(each, ast.FunctionDef)]
    return {each.name for each in functions if each.name.startswith("test_") and any(map(judges, ast.walk(each)))}


def judges(node: ast.AST) -> bool:
    """Say whether a part of a test can fail it: an assertion, an expected exception, or a judge of its own file."""
    called = node.func if isinstance(node, ast.Call) else None
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return isinstance(node, ast.Assert) or name in ("raises", "judge", "run_state_machine_as_test")


@pytest.fixture(scope="module")
def named() -> dict[str, set[str]]:
    """The tests that bear a case in their name, by case: `test_v7_…`, `test_t1_…`."""
    found: dict[str, set[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for name in judging(path):
            for case in cases_in(name):
                found.setdefault(case, set()).add(name)
    return found


def cases_in(name: str) -> Iterator[str]:
    words = name.removeprefix("test_").split("_")
    while words and IN_A_NAME.fullmatch(words[0]):
        yield words.pop(0)


@pytest.mark.parametrize("case", CASES)
def test_every_case_of_the_catalogue_is_shown_by_a_test(case: str, named: dict[str, set[str]]) -> None:
    assert named.get(case) or BESIDE.get(case), f"no test shows {case}: name one test_{case}_…, or list it here"


@pytest.mark.parametrize("test", sorted({test for tests in BESIDE.values() for test in tests}))
def test_what_is_listed_beside_is_a_test_that_can_fail(test: str) -> None:
    path, _, name = test.partition("::")
    assert name in judging(TESTS / path)


def test_no_name_bears_a_case_that_is_not_in_the_catalogue(named: dict[str, set[str]]) -> None:
    assert set() == set(named) - set(CASES)
