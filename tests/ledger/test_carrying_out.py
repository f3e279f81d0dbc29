"""Plans carried out on a world that fails: lost answers, half-done plans, things changed behind our back, time that passed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from finops.configuration.rulebook_approvals import Guard
from finops.ledger.carrying_out import carry_out, end_early, settle
from finops.ledger.effects import effects_of, take
from finops.ledger.proposals import history_of, proposal
from finops.ledger.state import open_state
from tests.ledger.acting_case import FIVE, Scene, letters, pass_minutes
from tests.ledger.proposed import ANA, KEYS, click, unguarded

BEFORE = dict.fromkeys(FIVE, "big")
AFTER = dict.fromkeys(FIVE, "small")


def stages(on: Scene, identity: str) -> list[str]:
    return [each.stage for each in effects_of(on.engine, int(identity[2:]))]


def test_an_approved_plan_moves_every_target_once_and_ends_by_itself(on: Scene) -> None:
    one = on.approved()
    assert "P-1 is active" in carry_out(on.hands, one.id).said
    assert AFTER == on.world.values()
    pass_minutes(on, 119)
    assert "active" == proposal(on.engine, one.id).state
    pass_minutes(on, 1)
    assert ("ended", BEFORE) == (proposal(on.engine, one.id).state, on.world.values())
    assert 10 == len(on.world.done())


@pytest.mark.parametrize("state", ["pending", "denied"])
def test_nothing_is_moved_without_an_approval(on: Scene, state: str) -> None:
    one = on.proposed()
    if state == "denied":
        click(on.engine, one, ANA, "deny")
    assert not carry_out(on.hands, one.id).happened
    assert BEFORE == on.world.values()


def test_nothing_is_moved_by_a_plan_that_was_altered_in_the_database(on: Scene) -> None:
    one = on.approved(["a"])
    with unguarded(on.engine) as connection:
        connection.execute(text("UPDATE proposals SET plan = replace(plan, 'small', 'tiny')"))
    assert "not the one that was agreed to" in carry_out(on.hands, one.id).said
    assert ("superseded", "big") == (proposal(on.engine, one.id).state, on.world.value("a"))


def test_carried_out_twice_it_is_done_once(on: Scene) -> None:
    one = on.approved()
    assert [True, False] == [carry_out(on.hands, one.id).happened for _ in range(2)]
    assert 5 == len(on.world.done())


def test_while_one_worker_is_at_it_another_one_leaves_it_alone(on: Scene) -> None:
    one = on.approved()
    assert take(on.engine, one.number, "another", on.clock(), on.hands.lease) == 1
    assert "P-1 is being worked on already" == carry_out(on.hands, one.id).said
    on.clock.forward(minutes=6)
    assert carry_out(on.hands, one.id).happened


def test_two_processes_at_the_same_moment_do_it_once(on: Scene, state_url: str) -> None:
    other = Scene(open_state(state_url, KEYS), replace(on.lever), on.clock)
    for n in range(4):
        on.world.put("a", f"big {n}")
        one = on.approved(["a"], f"race {n}", parameters={"to": f"small {n}"})
        line = threading.Barrier(2)

        def run(each: Scene, identity: str = one.id, line: threading.Barrier = line) -> bool:
            line.wait(20)
            return carry_out(each.hands, identity).happened

        with ThreadPoolExecutor(2) as pool:
            assert 1 == sum(pool.map(run, (on, other)))
        assert "active" == proposal(on.engine, one.id).state
        assert 1 == [entry.action for entry in history_of(on.engine, one.id)].count("effect.calling")
    other.engine.dispose()


def test_a_worker_that_was_overtaken_writes_nothing_more(on: Scene) -> None:
    """It stands still in a call for longer than its lease, and another one goes on meanwhile."""
    one = on.approved(["a"])
    other = Scene(on.engine, replace(on.lever, faults={}), on.clock)

    def overtaken(_: object) -> None:
        on.lever.stands = lambda _: None
        on.clock.forward(minutes=6)
        carry_out(other.hands, one.id)

    on.lever.stands = overtaken
    assert "another worker went on with P-1" == carry_out(on.hands, one.id).said
    pass_minutes(on, 2)
    assert ("active", ["a=small"]) == (proposal(on.engine, one.id).state, on.world.done())


def test_v7_the_third_of_five_fails_and_the_others_are_put_back_in_reverse_order(on: Scene) -> None:
    on.lever.faults["apply", "c"] = ["refuse"]
    one = on.approved()
    carry_out(on.hands, one.id)
    found = proposal(on.engine, one.id)
    assert ("compensated", BEFORE) == (found.state, on.world.values())
    assert ["a=small", "b=small", "b=big", "a=big"] == on.world.done()
    assert "c is refused; what was done is undone" == found.reason
    assert ["undone", "undone", "failed", "intended", "intended"] == stages(on, one.id)


def test_v7_the_first_fails_and_nothing_is_to_be_put_back(on: Scene) -> None:
    on.lever.faults["apply", "a"] = ["refuse"]
    one = on.approved()
    carry_out(on.hands, one.id)
    assert ("failed", []) == (proposal(on.engine, one.id).state, on.world.done())


def test_v7_the_compensation_fails_too_and_is_shouted_about(on: Scene) -> None:
    on.lever.faults |= {("apply", "c"): ["refuse"], ("revert", "a"): ["refuse"] * 9}
    one = on.approved()
    carry_out(on.hands, one.id)
    pass_minutes(on, 5)
    found = proposal(on.engine, one.id)
    assert ("compensation_failed", "could not be put back: a: a is refused") == (found.state, found.reason)
    assert {**BEFORE, "a": "small"} == on.world.values()
    assert ["slack:#ml-costs", "pagerduty:ops"] == [route for route, _ in letters(on.engine, "stuck:%")]
    assert all("a is refused" in payload for _, payload in letters(on.engine, "stuck:%"))
    pass_minutes(on, 5)
    assert 2 == len(letters(on.engine, "stuck:%"))


def test_v8_the_answer_is_lost_although_it_worked_and_nothing_is_done_twice(on: Scene) -> None:
    on.lever.faults |= {("apply", target): ["lose"] for target in FIVE}
    one = on.approved()
    carry_out(on.hands, one.id)
    assert ("active", 5) == (proposal(on.engine, one.id).state, len(on.world.done()))
    assert [1] * 5 == [on.lever.asked.count(("apply", target)) for target in FIVE]


def test_v8_the_call_is_lost_and_repeated_only_after_a_look(on: Scene) -> None:
    on.lever.faults["apply", "a"] = ["vanish"]
    one = on.approved(["a"])
    assert "looked at again" in carry_out(on.hands, one.id).said
    carry_out(on.hands, one.id)
    assert 1 == on.lever.asked.count(("apply", "a"))
    pass_minutes(on, 1)
    assert ("active", 2) == (proposal(on.engine, one.id).state, on.lever.asked.count(("apply", "a")))


def test_v8_a_call_that_never_gets_through_ends_in_what_was_before(on: Scene) -> None:
    on.lever.faults["apply", "b"] = ["vanish"] * 99
    one = on.approved()
    carry_out(on.hands, one.id)
    pass_minutes(on, 8)
    assert ("compensated", BEFORE) == (proposal(on.engine, one.id).state, on.world.values())


def test_v8_the_targets_cannot_be_read_after_a_lost_answer(on: Scene) -> None:
    on.lever.faults |= {("apply", "b"): ["lose"], ("observe", "b"): ["break"] * 3}
    one = on.approved()
    carry_out(on.hands, one.id)
    assert "executing" == proposal(on.engine, one.id).state
    pass_minutes(on, 4)
    assert ("active", 5) == (proposal(on.engine, one.id).state, len(on.world.done()))


def test_v8_a_lever_that_breaks_in_a_way_of_its_own_may_have_worked(on: Scene) -> None:
    on.lever.faults["apply", "a"] = ["break"]
    one = on.approved(["a"])
    carry_out(on.hands, one.id)
    assert "executing" == proposal(on.engine, one.id).state
    pass_minutes(on, 1)
    assert "active" == proposal(on.engine, one.id).state


def test_v9_a_target_that_changed_since_the_approval_supersedes_the_plan(on: Scene) -> None:
    one = on.approved()
    on.world.put("d", "huge")
    carry_out(on.hands, one.id)
    found = proposal(on.engine, one.id)
    assert "superseded" == found.state
    assert found.reason == 'd has changed since the plan was made: it was {"value": "big"} and is {"value": "huge"}'
    assert [] == on.world.done()


def test_v9_a_target_that_is_gone_or_as_wanted_supersedes_the_plan(on: Scene) -> None:
    one, other = on.approved(["a"]), on.approved(["b"], "another")
    (on.world.folder / "a").unlink()
    on.world.put("b", "small")
    for each, why in ((one, "a is gone"), (other, "b is applied")):
        carry_out(on.hands, each.id)
        assert ("superseded", True) == (proposal(on.engine, each.id).state, why in str(proposal(on.engine, each.id).reason))


@pytest.mark.parametrize("observing", [["break"], []])
@pytest.mark.parametrize("looking", ["break", "refuse"])
def test_targets_that_cannot_be_read_for_a_moment_are_waited_for(on: Scene, looking: str, observing: list[str]) -> None:
    one = on.approved(["a"])
    on.lever.faults |= {("look", "a"): [looking], ("observe", "a"): observing}
    assert "P-1 waits" in carry_out(on.hands, one.id).said
    assert "P-1 is active" in carry_out(on.hands, one.id).said


def test_v9_targets_that_are_protected_since_the_approval_supersede_the_plan(on: Scene) -> None:
    one = on.approved(["a"])
    on.lever.faults["look", "a"] = ["refuse"] * 2
    carry_out(on.hands, one.id)
    assert ("superseded", "a is refused") == (proposal(on.engine, one.id).state, proposal(on.engine, one.id).reason)


def test_v9_somebody_changes_a_target_while_it_is_in_force_and_it_stays_theirs(on: Scene) -> None:
    one = on.approved(["a", "b"])
    carry_out(on.hands, one.id)
    on.world.put("a", "theirs")
    on.clock.forward(hours=3)
    settle(on.hands)
    assert "compensation_failed" == proposal(on.engine, one.id).state
    assert {"a": "theirs", "b": "big"} == on.world.values(["a", "b"])
    assert "by somebody else" in letters(on.engine, "stuck:%")[0][1]


def test_a_target_that_vanished_needs_no_putting_back(on: Scene) -> None:
    one = on.approved(["a", "b"])
    carry_out(on.hands, one.id)
    (on.world.folder / "a").unlink()
    end_early(on.hands, one.id, ANA, "enough")
    assert ("ended", "big") == (proposal(on.engine, one.id).state, on.world.value("b"))


@pytest.mark.parametrize("off", [timedelta(hours=-1), timedelta(minutes=2)])
def test_a6_by_a_clock_that_is_off_nothing_is_begun_and_what_is_in_force_is_put_back(on: Scene, off: timedelta) -> None:
    on.world.put("f", "big")
    one, two = on.approved(), on.approved(("f",), "another")
    carry_out(on.hands, one.id)
    wrong = replace(on.hands, truth=lambda: on.clock() - off)
    held = carry_out(wrong, two.id)
    said = f"P-2 waits: this process's clock is {off.total_seconds():+.0f} s off the database's; set it right"
    assert (False, said, "big") == (held.happened, held.said, on.world.value("f"))
    end_early(wrong, one.id, ANA, "enough")
    assert {"big"} == set(on.world.values().values())
    assert carry_out(on.hands, two.id).happened


def test_v10_its_time_passes_while_nothing_runs_and_it_is_put_back_once_at_the_start(on: Scene) -> None:
    one = on.approved()
    carry_out(on.hands, one.id)
    on.clock.forward(days=3)
    assert [proposal(on.engine, one.id).id] == [change.proposal.id for change in settle(on.hands).moved]
    settle(on.hands)
    assert ("ended", 10) == (proposal(on.engine, one.id).state, len(on.world.done()))


def test_v10_approved_during_an_outage_it_is_not_carried_out_late(on: Scene) -> None:
    one = on.approved()
    on.clock.forward(hours=1)
    settle(on.hands)
    assert ("expired", []) == (proposal(on.engine, one.id).state, on.world.done())


@pytest.mark.parametrize("fault", ["lose", "vanish"])
def test_v10_begun_before_an_outage_nothing_new_is_moved_after_it(on: Scene, fault: str) -> None:
    """Of two targets one was called, with its answer lost; days later both are as before, however far the call got."""
    on.lever.faults |= {("apply", "a"): [fault], ("observe", "a"): ["break"]}
    one = on.approved(["a", "b"])
    carry_out(on.hands, one.id)
    on.clock.forward(days=3)
    settle(on.hands)
    assert ("compensated", BEFORE) == (proposal(on.engine, one.id).state, on.world.values())
    assert "b=small" not in on.world.done()


def test_v10_done_before_an_outage_and_noted_after_its_time_it_is_put_back_at_once(on: Scene) -> None:
    on.lever.faults |= {("apply", "a"): ["lose"], ("observe", "a"): ["break"]}
    one = on.approved(["a"])
    carry_out(on.hands, one.id)
    on.clock.forward(days=3)
    settle(on.hands)
    assert ("ended", ["a=small", "a=big"]) == (proposal(on.engine, one.id).state, on.world.done())


def test_approved_and_not_taken_up_it_is_carried_out_by_the_job(on: Scene) -> None:
    one = on.approved()
    settle(on.hands)
    assert "active" == proposal(on.engine, one.id).state


def test_ended_early_by_one_click_and_only_once(on: Scene) -> None:
    one = on.approved()
    carry_out(on.hands, one.id)
    assert [True, False] == [end_early(on.hands, one.id, ANA, "too slow").happened for _ in range(2)]
    assert ("ended", "too slow", 10) == (proposal(on.engine, one.id).state, proposal(on.engine, one.id).reason, len(on.world.done()))
    assert (ANA, "proposal.end") in [(entry.actor, entry.action) for entry in history_of(on.engine, one.id)]


def test_a_dry_run_moves_nothing_and_says_what_it_would_do(on: Scene) -> None:
    on.guard = Guard()
    one = on.approved(["a"])
    carry_out(on.hands, one.id)
    found = proposal(on.engine, one.id)
    assert ("cancelled", "big") == (found.state, on.world.value("a"))
    assert "nothing was moved" in str(found.reason)
    assert "sets a to small" in str(found.reason)


def test_the_stop_switch_holds_up_what_is_new_and_not_what_is_put_back(on: Scene) -> None:
    one, other = on.approved(["a"]), on.approved(["b"], "another")
    carry_out(on.hands, one.id)
    on.guard = Guard(stop=True, dry_run=False)
    assert "guard.stop" in carry_out(on.hands, other.id).said
    end_early(on.hands, one.id, ANA, None)
    assert ("ended", "approved") == (proposal(on.engine, one.id).state, proposal(on.engine, other.id).state)
    assert {"a": "big", "b": "big"} == on.world.values(["a", "b"])


def test_every_call_is_on_the_record_before_it_is_made(on: Scene) -> None:
    one = on.approved(["a"])
    seen: list[str] = []
    on.lever.stands = lambda _: seen.extend(entry.action for entry in history_of(on.engine, one.id))
    carry_out(on.hands, one.id)
    assert ["proposal.start", "effect.calling"] == seen[-2:]


def test_an_audit_that_cannot_be_written_means_no_call(on: Scene) -> None:
    """T2: the chain was written with another key, so that nothing more can be added."""
    one = on.approved(["a"])
    on.engine.update_execution_options(audit_keys=type(KEYS)((b"quite another key of the tests, 0123",)))
    assert settle(on.hands).problems
    on.engine.update_execution_options(audit_keys=KEYS)
    assert ("approved", []) == (proposal(on.engine, one.id).state, on.world.done())


def test_one_that_cannot_be_settled_holds_up_no_other(on: Scene) -> None:
    one, other = on.approved(["a"]), on.approved(["b"], "another")

    def broken() -> Guard:
        if proposal(on.engine, other.id).state == "approved" and not broke:
            broke.append(1)
            raise RuntimeError("no guard at this moment")
        return on.guard

    broke: list[int] = []
    settled = settle(replace(on.hands, guard=broken))
    assert ("P-1: unexpected RuntimeError",) == settled.problems
    assert ["approved", "active"] == [proposal(on.engine, each.id).state for each in (one, other)]


def test_a_plan_altered_while_it_is_in_force_puts_nothing_back_and_is_shouted_about(on: Scene) -> None:
    one = on.approved(["a"])
    carry_out(on.hands, one.id)
    with unguarded(on.engine) as connection:
        connection.execute(text("UPDATE proposals SET plan = replace(plan, 'big', 'all')"))
    end_early(on.hands, one.id, ANA, "enough")
    assert ("compensation_failed", "small") == (proposal(on.engine, one.id).state, on.world.value("a"))
    assert "not the one that was agreed to" in letters(on.engine, "stuck:%")[0][1]
