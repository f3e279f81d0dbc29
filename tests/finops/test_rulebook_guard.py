"""When rules keep still, what may never be moved, and who must agree to the rest."""

from datetime import UTC, datetime, time, timedelta

import pytest

from finops.configuration.rulebook_approvals import Approval, Guard
from finops.configuration.rulebook_times import AtMost, Maintenance, QuietHours
from finops.errors import ConfigError
from finops.guard.approval_policy import ApprovalPolicy, Need
from finops.rulebook import Rulebook, read
from finops.yamlfile import parse

HOUR = timedelta(hours=1)
WINDOWS = """maintenance:
- {from: 2026-12-24, to: 2026-12-26, reason: tests, scope: team=ml}
- {from: 2026-11-30 22:00, to: 2026-12-01T04:00, reason: x, timezone: UTC}
"""


def book(rules: str) -> Rulebook:
    return read(parse("timezone: Europe/Zurich", "budgets.yaml"), parse(rules, "rules.yaml"))


def wrong(rules: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        book(rules)
    return tuple(problem.removeprefix("rules.yaml:1: ") for problem in caught.value.problems)


def test_a_rule_says_when_it_may_speak() -> None:
    quiet_hours = "quiet_hours: {from: '22:00', to: '7:30', days: [sun, sat]}"
    text = f"rules: [{{name: a, when: {{budget: 9%}}, for: 30m, severity: critical, at_most: 3 per month, {quiet_hours}}}]"
    (found,) = book(text).rules
    quiet = QuietHours(time(22), time(7, 30), (5, 6), "Europe/Zurich")
    assert (found.lasting, found.severity, found.at_most, found.quiet_hours) == (
        timedelta(minutes=30),
        "critical",
        AtMost(3, "month"),
        (quiet,),
    )


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("sat 21:59", False),
        ("sat 22:00", True),
        ("sun 07:29", True),
        ("sun 07:30", False),
        ("mon 03:00", True),
        ("tue 03:00", False),
        ("sat 03:00", False),
    ],
)
def test_quiet_hours_over_midnight_belong_to_the_day_they_begin_on(local: str, expected: bool) -> None:
    """2026-11-16 is a Monday; in Zurich it is an hour later than in UTC."""
    quiet = QuietHours(time(22), time(7, 30), (5, 6), "Europe/Zurich")
    name, _, clock = local.partition(" ")
    day = 16 + ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(name)
    moment = datetime.fromisoformat(f"2026-11-{day}T{clock}+01:00").astimezone(UTC)
    assert quiet.cover(moment) is expected


def test_quiet_hours_follow_the_local_clock_over_the_change_of_time() -> None:
    """On 2026-03-29 Zurich skips from 02:00 to 03:00: 07:00 local is 05:00 in UTC, a day before 06:00."""
    quiet = QuietHours(time(22), time(7), timezone="Europe/Zurich")
    moments = ["2026-03-28T05:59", "2026-03-28T06:00", "2026-03-29T04:59", "2026-03-29T05:00"]
    assert [quiet.cover(datetime.fromisoformat(f"{moment}+00:00")) for moment in moments] == [True, False, True, False]


def test_maintenance_is_on_the_local_clock_and_whole_days_count_whole() -> None:
    days, night = book(WINDOWS).maintenance
    begins, ends = datetime(2026, 12, 23, 23, tzinfo=UTC), datetime(2026, 12, 26, 23, tzinfo=UTC)
    assert days == Maintenance(begins, ends, "tests", (("team", ("ml",)),))
    assert (night.start, night.end) == (datetime(2026, 11, 30, 22, tzinfo=UTC), datetime(2026, 12, 1, 4, tzinfo=UTC))


def test_maintenance_covers_what_lies_wholly_within_its_scope() -> None:
    window = Maintenance(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), "x", (("team", ("ml", "data")),))
    noon, ml, both = datetime(2026, 1, 1, 12, tzinfo=UTC), ("team", ("ml",)), ("team", ("ml", "search"))
    assert [window.covers(noon, scope) for scope in ((ml, ("env", ("prod",))), (both,), ())] == [True, False, False]
    assert not window.covers(datetime(2026, 1, 2, tzinfo=UTC), (ml,))


def test_maintenance_that_ends_before_it_begins_is_refused() -> None:
    assert wrong("maintenance: [{from: 2026-01-02, to: 2026-01-01, reason: x}]") == (
        "'to' is not after 'from'; it is the last day, or the minute the window ends",
    )


def test_without_a_guard_nothing_acts() -> None:
    assert book("rules: []").guard == Guard(stop=False, dry_run=True, max_targets=5)


def test_a_guard_says_what_may_never_be_moved() -> None:
    text = "guard: {dry_run: false, max_targets: 2, protected_tags: [keep, tier = gold], deny_scopes: [env=prod, {team: payments}]}"
    scopes = ((("env", ("prod",)),), (("team", ("payments",)),))
    assert book(text).guard == Guard(False, False, 2, ("keep", "tier=gold"), scopes)


POLICIES = """guard:
  approvals:
    - {lever: gateway.block, needs: [{group: "@a", quorum: 2}], expires: 1h, executes_within: 5m, step_up: true, excludes_owner: true}
    - {lever: "gateway.*", risk: low, needs: "@b"}
    - {risk: high, needs: "@c"}
"""


def test_the_first_policy_that_fits_decides() -> None:
    guard = book(POLICIES).guard
    block = ApprovalPolicy((Need("@a", 2),), HOUR, timedelta(minutes=5), step_up=True, excludes_owner=True)
    assert guard.approvals[0] == Approval("gateway.block", None, block)
    asked = [("gateway.block", "low"), ("gateway.fallback", "low"), ("gateway.fallback", "high"), ("aws.stop_instances", "medium")]
    assert [guard.policy(lever, risk) for lever, risk in asked] == [  # type: ignore[arg-type]
        block,
        ApprovalPolicy((Need("@b"),)),
        ApprovalPolicy((Need("@c"),), step_up=True),  # of high risk
        ApprovalPolicy(),
    ]


def test_the_budgets_approvers_come_on_top_with_the_larger_quorum() -> None:
    policy = book(POLICIES).guard.policy("gateway.block", "high", (Need("@ml"), Need("@a", 3)))
    assert (policy.needs, policy.step_up) == ((Need("@a", 3), Need("@ml")), True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{stop: yes}", "'stop' must be true or false, not 'yes'"),
        ("{max_targets: 0}", "'max_targets' must be a whole number above 0, not '0'"),
        ("{deny_scopes: ['']}", "an empty scope would deny everything; to stop every lever write 'stop: true'"),
        ("{protected_tags: ['=x']}", "'protected_tags' must be a tag as KEY or KEY=VALUE, or a list of such, not a list"),
        ("{approvals: [{lever: gatway.*}]}", "'lever' must be one of"),
        ("{approvals: [{needs: [{group: '@a', quorum: 0}]}]}", "'quorum' must be a whole number above 0, not '0'"),
        ("{approvals: [{expires: 31d}]}", "'expires' is longer than 30 days; ask again instead"),
        (
            "{approvals: [{needs: '@a'}, {lever: gateway.block, needs: '@b'}]}",
            "this policy is never used; the one on line 1 decides the same",
        ),
    ],
)
def test_what_is_wrong_with_the_guard_is_said(text: str, expected: str) -> None:
    (told,) = wrong(f"guard: {text}")
    assert told.startswith(expected)
