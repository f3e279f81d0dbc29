"""Budgets: thresholds and what happens at them, shares, parents, approvers, and quotas beside them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from finops.configuration.rulebook_budgets import THRESHOLDS, Split, Threshold
from finops.configuration.rulebook_quotas import LIMITS, Bounds, Circuit, Quota
from finops.errors import ConfigError
from finops.guard.approval_policy import Need
from finops.rulebook import Budget, Rulebook, read
from finops.yamlfile import parse

GROUP = 'a Slack user group, by its handle in quotes such as "@ml-oncall" or by its id such as S0123ABCD'
PLAYBOOKS = "playbooks: {brake: [{lever: gateway.block}], tell: [{tell: owner}]}"


def book(text: str, rules: str = PLAYBOOKS) -> Rulebook:
    return read(parse(text, "budgets.yaml"), parse(rules, "rules.yaml"))


def budget(fields: str) -> Budget:
    return book(f"budgets: [{{name: ml, monthly: 100, {fields}}}]").budgets[0]


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        book(text)
    return tuple(problem.removeprefix("budgets.yaml:1: ") for problem in caught.value.problems)


def wrong(fields: str) -> tuple[str, ...]:
    return problems(f"budgets: [{{name: ml, monthly: 100, {fields}}}]")


def test_a_share_alone_is_told_in_slack() -> None:
    assert budget("thresholds: [90%]").thresholds == (Threshold(Decimal("0.9"), "actual", ("slack",)),)
    assert budget("owner: me").thresholds == THRESHOLDS


def test_thresholds_say_what_happens_and_stand_in_their_order() -> None:
    found = budget(
        "playbook: brake, thresholds: [{at: 100%, do: [slack, propose]}, 50%, {at: 100%, kind: forecast, do: 'webhook:erp'}]"
    ).thresholds
    half, forecast, full = Decimal("0.5"), Decimal(1), Decimal(1)
    assert found == (Threshold(half), Threshold(full, "actual", ("slack", "propose")), Threshold(forecast, "forecast", ("webhook:erp",)))


def test_a_share_can_be_both_spent_and_forecast_but_neither_twice() -> None:
    assert len(budget("thresholds: [80%, {at: 80%, kind: forecast}]").thresholds) == 2
    assert wrong("thresholds: [80%, {at: 80.0%}]") == ("'thresholds' must be percentages, at least one and none twice",)


def test_a_split_is_over_the_environment_unless_it_says_otherwise() -> None:
    shares = (("dev", Decimal("0.3")), ("prod", Decimal("0.6")))
    assert budget("split: {prod: 60%, dev: 30%, buffer: 10%}").split == Split("env", shares, Decimal("0.1"))
    assert budget("split: {by: project, a: 100%}").split == Split("project", (("a", Decimal(1)),))


def test_thirds_of_a_split_may_be_written_with_decimals() -> None:
    split = budget("split: {a: 33.33%, b: 33.33%, c: 33.34%}").split
    assert split is not None
    assert sum(share for _, share in split.shares) == 1


def test_approvers_are_groups_by_handle_or_id_with_a_quorum() -> None:
    assert budget('approvers: [{group: "@ml-oncall", quorum: 2}, S0123ABCD]').approvers == (Need("@ml-oncall", 2), Need("S0123ABCD", 1))
    assert budget('approvers: "@ml-oncall"').approvers == (Need("@ml-oncall"),)


def test_a_budget_counts_in_the_zone_of_the_file_unless_it_says_otherwise() -> None:
    text = "timezone: Europe/Zurich\nbudgets: [{name: a, monthly: 1}, {name: b, monthly: 1, timezone: Asia/Tokyo}]"
    assert [each.timezone for each in book(text).budgets] == ["Europe/Zurich", "Asia/Tokyo"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("tresholds: [80%]", "unknown field 'tresholds'; did you mean 'thresholds'?"),
        ("thresholds: [{at: 80%, kinds: forecast}]", "unknown field 'kinds'; did you mean 'kind'?"),
        ("thresholds: [{kind: actual}]", "a threshold needs 'at'"),
        ("thresholds: [{at: 80%, kind: forcast}]", "'kind' must be one of actual, forecast, not 'forcast'; did you mean 'forecast'?"),
        (
            "thresholds: [{at: 80%, do: [slak]}]",
            "'do' must be slack, pagerduty, email, webhook:NAME or propose, or a list of such, not a list",
        ),
        ("thresholds: [{at: 80%, do: [slack, slack]}]", "'do' must be a list with at least one, and none twice, not a list"),
        (
            "thresholds: [{at: 80%, do: propose}]",
            "a threshold says 'propose', but the budget names no 'playbook' to propose from",
        ),
        ("playbook: tell, thresholds: [{at: 80%, do: propose}]", "a threshold says 'propose', but the playbook 'tell' proposes nothing"),
        ("playbook: brakes", "rules.yaml has no playbook named 'brakes'; did you mean 'brake'?"),
        ("split: {prod: 60%, dev: 30%}", "the shares of 'split' make 90% together; with 'buffer' they must make 100%"),
        ("split: {by: teem, a: 100%}", "'teem' is not a dimension; did you mean 'team'?"),
        ("scope: env=prod, split: {prod: 60%, dev: 40%}", "'dev' lies outside the budget's scope, which has env=prod"),
        ("approvers: [ml-oncall]", f"'approvers' must be {GROUP}, not 'ml-oncall'"),
        ("approvers: [{group: '@a', quorum: 0}]", "'quorum' must be a whole number above 0, not '0'"),
        ("approvers: ['@a', {group: '@a', quorum: 2}]", "the group '@a' stands twice in 'approvers'; keep it once, with its quorum"),
        ("parent: nobody", "no budget is named 'nobody'; known are ml"),
        ("parent: ml", "a budget cannot be its own parent: ml → ml"),
    ],
)
def test_what_is_wrong_with_a_budget_is_said(fields: str, expected: str) -> None:
    assert wrong(fields) == (expected,)


def test_parents_count_in_the_same_money_and_time() -> None:
    assert problems("budgets: [{name: a, monthly: 1, parent: b}, {name: b, daily: 1, currency: EUR}]") == (
        "budget 'a' has the currency USD and its parent 'b' EUR; they must be the same",
        "budget 'a' has the period month and its parent 'b' day; they must be the same",
    )


def test_budgets_cannot_be_each_others_parents() -> None:
    told = problems("budgets: [{name: a, monthly: 1, parent: b}, {name: b, monthly: 1, parent: c}, {name: c, monthly: 1, parent: a}]")
    assert told == tuple(f"a budget cannot be its own parent: {turn}" for turn in ("a → b → c → a", "b → c → a → b", "c → a → b → c"))


def test_children_of_a_circle_are_not_told_of_it() -> None:
    assert len(problems("budgets: [{name: a, monthly: 1, parent: a}, {name: b, monthly: 1, parent: a}]")) == 1


def test_a_parent_that_is_wrong_itself_is_not_missing_as_well() -> None:
    assert problems("budgets: [{name: a, monthly: 1, parent: b}, {name: b}]") == (
        "a budget needs an amount: one of daily, weekly, monthly, quarterly, or 'period' and 'amount'",
    )


def test_children_that_may_spend_more_than_their_parent_are_a_warning() -> None:
    text = "budgets:\n- {name: all, monthly: 100}\n- {name: a, monthly: 60, parent: all}\n- {name: b, monthly: 41, parent: ALL}"
    told = "budgets.yaml:2: the budgets 'a' and 'b' may spend 101 USD, more than the 100 of the parent 'all'"
    assert book(text).warnings == (told,)
    assert book(text.replace("41", "40")).warnings == ()


def test_a_playbook_that_no_threshold_uses_is_a_warning() -> None:
    found = book("budgets: [{name: a, monthly: 1, playbook: brake}]")
    assert found.warnings == ("budgets.yaml:1: the playbook 'brake' is never used; no threshold says 'propose'",)
    assert found.digest == book("budgets: [{name: a, monthly: 1, playbook: brake}]").digest


@pytest.mark.parametrize("fields", ["owner: '@x'", "channel: '#x'", "thresholds: [10%]", "approvers: '@x'", "split: {a: 100%}"])
def test_a_budget_told_otherwise_is_the_same_version(fields: str) -> None:
    assert budget(fields).version == budget("parent:").version


@pytest.mark.parametrize("fields", ["scope: team=ml", "currency: EUR", "timezone: Asia/Tokyo"])
def test_a_budget_that_watches_something_else_is_another_version(fields: str) -> None:
    assert budget(fields).version != budget("parent:").version


def test_a_quota_holds_limits_for_what_it_matches() -> None:
    text = """quotas:
- match: {route: chat, tenant: "*"}
  requests_per_second: 0.5
  burst: 5
  tokens_per_day: 2e6
  cost_per_day: 12.50
  max_input_tokens: 8000
  fallback: {big: small}
  when_unsure: open
  bounds: {min_rps: 0.1, max_rps: 0.5}
  circuit: {failures: 20%, pause: 2m}
"""
    match = (("route", ("chat",)), ("tenant", ("*",)))
    half, bounds = Decimal("0.5"), Bounds(Decimal("0.1"), Decimal("0.5"))
    expected = Quota(match, half, 5, 2_000_000, Decimal("12.50"), "USD", 8000, None, (("big", "small"),), "open", bounds)
    expected = replace(expected, circuit=Circuit(Decimal("0.2"), 10, timedelta(seconds=30), timedelta(minutes=2)))
    assert book(text).quotas == (expected,)
    assert expected.id == "route=chat 'tenant=*'"


def test_one_model_falls_back_for_every_other() -> None:
    assert book("quotas: [{match: {team: ml}, tokens_per_day: 5, fallback: small}]").quotas[0].fallback == (("*", "small"),)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("tokens_per_day: 5", "a quota needs 'match' with at least one of tenant, team, project, env, feature, user, route, model"),
        (
            "match: {region: eu}, tokens_per_day: 5",
            "a quota cannot match on 'region'; the gateway knows tenant, team, project, env, feature, user, route, model",
        ),
        (
            "match: {team: ml}",
            f"a quota needs a limit, one of {', '.join(LIMITS)}",
        ),
        ("match: {team: ml}, tokens_per_day: 1.5", "'tokens_per_day' must be a whole number above 0, not '1.5'"),
        ("match: {team: ml}, tokens_per_day: 1, burst: 2", "'burst' needs 'requests_per_second' beside it"),
        ("match: {team: ml}, tokens_per_dy: 1, cost_per_day: 1", "unknown field 'tokens_per_dy'; did you mean 'tokens_per_day'?"),
        ("match: {team: ml}, bounds: {min_rps: 2, max_rps: 2}", "'min_rps' (2) must be below 'max_rps' (2)"),
        (
            "match: {team: ml}, requests_per_second: 5, bounds: {min_rps: 2, max_rps: 9}",
            "'max_rps' (9) is above 'requests_per_second' (5) and would never be reached",
        ),
        ("match: {team: ml}, circuit: {failures: 200%}", "'failures' is a share of the requests, at most 100%"),
        (
            "match: {team: ml}, circuit: {requests: 5000}",
            "'requests' (5000) is more than the 1000 that are remembered; no circuit would open",
        ),
        (
            "match: {team: ml}, cost_per_day: 1, fallback: {a: b, b: a}",
            "'fallback' must be models that end somewhere, not a group of fields; a → b → a goes round in a circle",
        ),
        (
            "match: {team: ml}, cost_per_day: 1, when_unsure: opn",
            "'when_unsure' must be one of closed, open, not 'opn'; did you mean 'open'?",
        ),
    ],
)
def test_what_is_wrong_with_a_quota_is_said(fields: str, expected: str) -> None:
    assert problems(f"quotas: [{{{fields}}}]") == (expected,)


def test_two_quotas_for_the_same_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        book("quotas:\n- {match: {team: ml}, cost_per_day: 1}\n- {match: team=ml, cost_per_day: 2}")
    assert caught.value.problems == ("budgets.yaml:3: a quota for team=ml is given twice, first on line 2; keep one of them",)
