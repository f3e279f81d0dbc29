"""Rules: what they watch for, what they do, when they keep still, and what may never be moved."""

from datetime import timedelta
from decimal import Decimal

import pytest

from finops.configuration.rulebook_conditions import (
    AllOf,
    AnomalyFound,
    AnyOf,
    BudgetSpent,
    BurnRate,
    BurnWindow,
    ForecastBreach,
    Gauge,
    Growth,
    IdleGpu,
    Limits,
    OversizedModel,
    PromQL,
    UnitCost,
    When,
    conditions_in,
)
from finops.configuration.rulebook_rules import Who
from finops.configuration.rulebook_steps import Notify, Propose, Step, WarRoom
from finops.errors import ConfigError
from finops.guard.approval_policy import Need
from finops.rulebook import Rule, Rulebook, read
from finops.yamlfile import parse

BUDGETS = "timezone: Europe/Zurich\nbudgets: [{name: ml, scope: team=ml, monthly: 100}]"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def book(rules: str) -> Rulebook:
    return read(parse(BUDGETS, "budgets.yaml"), parse(rules, "rules.yaml"))


def rule(fields: str) -> Rule:
    return book(f"rules: [{{name: a, {fields}}}]").rules[0]


def when(condition: str) -> When:
    return rule(f"when: {condition}").when


def steps(then: str) -> tuple[Step, ...]:
    return rule(f"when: {{budget: 9%}}, then: {then}").then


def wrong(rules: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        book(rules)
    return tuple(problem.removeprefix("rules.yaml:1: ") for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{budget: 90%}", BudgetSpent(Decimal("0.9"))),
        ("{budget: 90% ml}", BudgetSpent(Decimal("0.9"), "ml")),
        ("{budget: {above: 90%, budget: ML}}", BudgetSpent(Decimal("0.9"), "ML")),
        ("{forecast: {above: 100%}}", ForecastBreach(Decimal(1))),
        ("{forecast: 110% ml}", ForecastBreach(Decimal("1.1"), "ml")),
        (
            "{burn_rate: {budget: ml, fast: {window: 1h, above: 14}, slow: {window: 6h, above: 6}}}",
            BurnRate(BurnWindow(HOUR, Decimal(14)), BurnWindow(6 * HOUR, Decimal(6)), "ml"),
        ),
        ("{anomaly: high}", AnomalyFound("high")),
        ("{anomaly: {grain: hour}}", AnomalyFound("low", "hour")),
        (
            "{cost_per_1k_requests: {scope: route=chat, vs_baseline: +50%}}",
            UnitCost("cost_per_1k_requests", None, Decimal("0.5"), 7 * DAY, (("route", ("chat",)),)),
        ),
        ("{tokens_per_request: {vs_baseline: -20%}}", UnitCost("tokens_per_request", None, Decimal("-0.2"), 7 * DAY)),
        ("{cache_hit_ratio: {below: 30%, window: 1d}}", UnitCost("cache_hit_ratio", Limits(below=Decimal("0.3")), None, DAY)),
        ("{gpu_utilisation: {below: 10%}}", Gauge("gpu_utilisation", Limits(below=Decimal("0.1")), HOUR)),
        ("{queue_depth: {above: 50, window: 5m}}", Gauge("queue_depth", Limits(above=Decimal(50)), timedelta(minutes=5))),
        ("{growth: {category: egress, above: 30%}}", Growth((("service_category", ("Networking",)),), Decimal("0.3"), 7 * DAY)),
        (
            "{growth: {service: S3, scope: team=ml, above: 5%, window: 2w}}",
            Growth((("service", ("S3",)), ("team", ("ml",))), Decimal("0.05"), 14 * DAY),
        ),
        ("{idle_gpu: 12h}", IdleGpu(12 * HOUR)),
        ("{oversized_model: true}", OversizedModel()),
        ("{promql: {query: sum(up), below: 1}}", PromQL("sum(up)", Limits(below=Decimal(1)))),
    ],
)
def test_each_kind_of_condition_is_read(text: str, expected: When) -> None:
    assert when(text) == expected


def test_conditions_join_in_any_depth() -> None:
    found = when("{all: [{budget: 50%}, {any: [{idle_gpu: 1h}, {anomaly: low}]}]}")
    half, idle, odd = BudgetSpent(Decimal("0.5")), IdleGpu(HOUR), AnomalyFound()
    assert found == AllOf((half, AnyOf((idle, odd))))
    assert list(conditions_in(found)) == [half, idle, odd]


def test_a_limit_is_broken_beyond_it_and_not_at_it() -> None:
    assert [Limits(above=Decimal(5)).broken_by(Decimal(value)) for value in (4, 5, 6)] == [False, False, True]
    assert [Limits(below=Decimal(5)).broken_by(Decimal(value)) for value in (4, 5, 6)] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{budgt: 9%}", ["unknown field 'budgt'; did you mean 'budget'?", "'when' needs a condition such as 'budget: 90%'"]),
        ("{budget: 9%, idle_gpu: 1h}", ["'when' says both 'budget' and 'idle_gpu'; put them under 'all' or 'any'"]),
        ("{budget: 90}", ["'budget' must be a percentage such as 80%, not '90'"]),
        ("{budget: 90% mml}", ["no budget is named 'mml'; did you mean 'ml'?"]),
        ("{forecast: {above: 90%, budget: mml}}", ["no budget is named 'mml'; did you mean 'ml'?"]),
        ("{all: []}", ["'all' must be a list of conditions, each after '- '"]),
        ("{any: {budget: 9%}}", ["'any' must be a list of conditions, each after '- '"]),
        ("{burn_rate: {fast: {window: 1h, above: 2}}}", ["'burn_rate' needs 'slow', such as {window: 1h, above: 14}"]),
        (
            "{burn_rate: {fast: {window: 6h, above: 2}, slow: {window: 6h, above: 1}}}",
            ["the 'fast' window must be shorter than the 'slow' one"],
        ),
        ("{cache_hit_ratio: {below: 0.3}}", ["'below' must be a percentage such as 80%, not '0.3'"]),
        ("{queue_depth: {above: 1, below: 2}}", ["'queue_depth' takes 'above' or 'below', not both"]),
        ("{queue_depth: {}}", ["'queue_depth' needs one of above, below"]),
        ("{tokens_per_request: {above: 1, vs_baseline: 5%}}", ["'tokens_per_request' takes 'above' or 'vs_baseline', not both"]),
        ("{tokens_per_request: {vs_baseline: -100%}}", ["'vs_baseline' must be a change such as +50% or -20%, not '-100%'"]),
        ("{growth: {above: 5%}}", ["'growth' needs 'service', 'category' or 'scope': of what?"]),
        ("{idle_gpu: 0h}", ["'idle_gpu' must be a time such as 15m, 6h or 7d, at most 400d, not '0h'"]),
        ("{oversized_model: false}", ["'oversized_model' must be true; leave the rule out to watch for nothing, not 'false'"]),
        ("{promql: {above: 1}}", ["'promql' needs 'query'"]),
    ],
)
def test_what_is_wrong_with_a_condition_is_said(text: str, expected: list[str]) -> None:
    assert list(wrong(f"rules: [{{name: a, when: {text}}}]")) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{tell: owner}", Notify(("owner",))),
        ("{notify: [owner, '#finops', 'email:a@example.com']}", Notify(("owner", "#finops", "email:a@example.com"))),
        ("{notify: {to: pagerduty}}", Notify(("pagerduty",))),
        ("{war_room: thread}", WarRoom()),
        ("{war_room: {channel: '#incidents'}}", WarRoom("#incidents")),
        ("{lever: gateway, fallback: small, for: 24h}", Propose("gateway.fallback", {"fallback": {"*": "small"}}, DAY)),
        ("{lever: gateway, requests_per_second: 1.50}", Propose("gateway.throttle", {"requests_per_second": "1.5"})),
        ("{lever: stop-instance}", Propose("aws.stop_instances", {})),
        (
            "{propose: {lever: gateway.block, for: 2h, scope: team=ml}}",
            Propose("gateway.block", {}, 2 * HOUR, "high", scope=(("team", ("ml",)),)),
        ),
        (
            "{propose: {lever: kubernetes.scale, replicas: 0, targets: prod/Deployment/x, risk: low}}",
            Propose("kubernetes.scale", {"replicas": 0}, DAY, "low", ("prod/Deployment/x",)),
        ),
    ],
)
def test_each_kind_of_step_is_read(text: str, expected: Step) -> None:
    assert steps(text) == (expected,)


def test_a_playbook_stands_for_its_steps() -> None:
    text = "playbooks: {stop: [{tell: owner}, {lever: gateway.block}]}\nrules:\n"
    text += "- {name: a, when: {budget: 9%}, then: STOP}\n- {name: b, when: {budget: 9%}, then: [{playbook: stop}, {war_room: thread}]}"
    rules = book(text).rules
    stop = (Notify(("owner",)), Propose("gateway.block", {}, risk="high"))
    assert [(rule.then, rule.playbook) for rule in rules] == [(stop, "STOP"), ((*stop, WarRoom()), None)]


def test_another_playbook_is_another_version_of_the_rule() -> None:
    one, other = (
        book(f"playbooks: {{x: [{{tell: {who}}}]}}\nrules: [{{name: a, when: {{budget: 9%}}, then: x}}]") for who in ("owner", "channel")
    )
    assert one.rules[0].version != other.rules[0].version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{notfy: owner}",
            ["a step needs one of notify, tell, propose, war_room, playbook", "unknown field 'notfy'; did you mean 'notify'?"],
        ),
        ("{notify: owner, war_room: thread}", ["a step says both 'notify' and 'war_room'; write two steps"]),
        (
            "{notify: sombody}",
            ['\'notify\' must be owner, channel, "#name", "@name", pagerduty, email:ADDRESS or webhook:NAME, or a list of such, not'],
        ),
        ("{lever: gatway, fallback: x}", ["'lever' must be one of"]),
        (
            "{lever: gateway}",
            [
                "'gateway' needs one of fallback, requests_per_second, burst, tokens_per_day, cost_per_day,",
            ],
        ),
        ("{lever: gateway.fallback}", ["'gateway.fallback' needs 'fallback'"]),
        ("{lever: aws.scale_group, min: 1}", ["'aws.scale_group' needs 'desired'"]),
        ("{lever: gateway.block, fallback: x}", ["unknown field 'fallback'; known are for, lever, risk, scope, targets"]),
        ("{lever: gateway.block, for: 32d}", ["'for' is longer than 31 days; an effect that stays is a decision of its own"]),
        ("{lever: gateway.block, targets: x}", ["a gateway lever works on requests, not on 'targets'; give it a 'scope'"]),
        ("{war_room: {channel: '#x', thread: true}}", ["'war_room' opens one thread: give 'channel' or 'thread', not both"]),
        ("brake", ["no playbook is named 'brake'"]),
        ("[]", ["'then' has no steps; leave it out to tell the owner"]),
    ],
)
def test_what_is_wrong_with_a_step_is_said(text: str, expected: list[str]) -> None:
    told = wrong(f"rules: [{{name: a, when: {{budget: 9%}}, then: {text}}}]")
    assert [said.startswith(sentence) for said, sentence in zip(told, expected, strict=True)] == [True] * len(expected)


def test_a_channel_lost_to_a_comment_is_noticed_in_a_step() -> None:
    (told,) = wrong("rules:\n- name: a\n  when: {budget: 9%}\n  then:\n    - notify: #finops\n")
    assert told.startswith("rules.yaml:5: a step needs one of notify, tell, propose, war_room, playbook; ")
    assert told.endswith("; 'notify' is empty, and a name that begins with '#' needs quotes")


def test_a_playbook_cannot_hold_another_one() -> None:
    assert wrong("playbooks: {a: [{tell: owner}], b: [{playbook: a}]}") == (
        "a playbook cannot hold another one; write the steps of 'a' out",
    )
    assert wrong("playbooks: {a: }") == ("the playbook 'a' has no steps",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("owner", Who()),
        ("'@ml-oncall'", Who((Need("@ml-oncall"),))),
        ("[{group: '@a', quorum: 2}, S0123ABCD]", Who((Need("@a", 2), Need("S0123ABCD")))),
        ("{group: '@a', quorum: 2}", Who((Need("@a", 2),))),
        ("{team: ml}", Who(team="ml")),
    ],
)
def test_who_decides_is_the_owner_groups_or_a_teams_owner(text: str, expected: Who) -> None:
    assert rule(f"when: {{budget: 9%}}, who: {text}").who == expected


def test_a_rule_for_an_unknown_team_is_reported() -> None:
    assert wrong("rules: [{name: a, when: {budget: 90%}, who: {team: mll}}]") == ("no budget for team 'mll'; did you mean 'ml'?",)


def test_names_of_a_file_that_cannot_be_read_are_not_looked_up() -> None:
    rules = parse("rules: [{name: a, when: {budget: 90% ml}, who: {team: ml}}]", "rules.yaml")
    assert read(None, rules, whole=False).rules[0].when == BudgetSpent(Decimal("0.9"), "ml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "when: {budget: 9%}, at_most: once",
            "'at_most' must be how often, such as '1 per day', and not per anything but hour, day, week, month, quarter, not 'once'",
        ),
        ("when: {budget: 9%}, quiet_hours: {from: '22:00', to: '22:00'}", "quiet hours that begin and end at the same time say nothing"),
        ("when: {budget: 9%}, quiet_hours: {from: '25:00', to: '1:00'}", "'from' must be a time of day such as 22:00, not '25:00'"),
        ("when: {budget: 9%}, severity: high", "'severity' must be one of info, warning, critical, not 'high'"),
        ("then: {tell: owner}", "a rule needs 'when'"),
        ("when: {budget: 9%}, wen: 5", "unknown field 'wen'; did you mean 'when'?"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(text: str, expected: str) -> None:
    (told,) = wrong(f"rules: [{{name: a, {text}}}]")
    assert told.startswith(expected)
