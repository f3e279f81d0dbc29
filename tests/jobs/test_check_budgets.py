"""Budgets and rules are watched over real bills: what is told, once, and what is not."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from finops.ledger import alerts
from finops.ledger.proposals import open_proposals
from finops.ledger.watched import Looking
from jobs.check_budgets import check, proposer
from jobs.registry import Tools as JobTools
from tests.jobs.watched_case import ML, Watch, every, noon, watching
from tests.ledger.bills import Charge, deliver


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with watching(tmp_path) as case:
        yield case


def test_what_is_spent_past_a_threshold_is_told_once_however_often_it_is_looked_at(watch: Watch) -> None:
    now = watch.spend("2026-11-01", 100, 100, 100, 100, 150)
    for minutes in (0, 5, 10):
        watch.check(now + timedelta(minutes=minutes))
    assert [("2026-11", "budget 0.5", "open")] == watch.told()
    assert ["alert:A-1"] == watch.posts()
    assert "ml has spent $550.00 of $1,000.00 (55 %) in 2026-11." == watch.alerts()[0].finding.title


def test_a3_one_load_that_jumps_past_all_thresholds_posts_the_highest_and_records_the_others(watch: Watch) -> None:
    watch.check(watch.spend("2026-11-01", 400))
    watch.check(watch.spend("2026-11-01", 400, 900))
    assert {"budget 0.5", "budget 0.8", "budget 1"} == {what for _, what, _ in watch.told()}
    posted = [one for one in watch.alerts() if one.routes]
    assert [Decimal(1)] == [one.finding.threshold for one in posted]
    assert {posted[0].number} == {one.told_with for one in watch.alerts() if not one.routes}
    assert [(f"alert:{posted[0].id}", "slack:#ml")] == watch.outbox("post")


def test_a4_a_value_that_falls_and_rises_again_is_one_alert_one_correction_and_no_repeat(watch: Watch) -> None:
    watch.check(watch.spend("2026-11-01", 300, 300))
    watch.check(watch.spend("2026-11-01", 300, 100, at=noon("2026-11-04")))
    watch.check(watch.spend("2026-11-01", 300, 300, at=noon("2026-11-05")))
    watch.check(watch.spend("2026-11-01", 300, 100, at=noon("2026-11-06")))
    assert [("2026-11", "budget 0.5", "corrected")] == watch.told()
    assert 1 == len(watch.outbox("post"))
    assert 1 == len(watch.outbox("thread"))


def test_a4_a_forecast_that_flaps_is_told_once_and_only_after_it_held_twice(tmp_path: Path) -> None:
    budgets = ML.replace("thresholds: [50%, 80%, 100%]", "thresholds: [{at: 100%, kind: forecast}]")
    with watching(tmp_path, budgets) as watch:
        for day, cost in (("2026-11-04", 60), ("2026-11-05", 1), ("2026-11-06", 60), ("2026-11-07", 60), ("2026-11-08", 60)):
            days = (noon(day) - noon("2026-11-01")).days - 1
            watch.bill(every([cost] * days, "2026-11-01"), noon(day))
            watch.check(noon(day))
        assert [("2026-11", "forecast_breach 1", "open")] == watch.told()
        assert noon("2026-11-07") == watch.alerts()[0].opened_at


def test_a_forecast_that_is_seen_twice_within_a_minute_was_seen_once(tmp_path: Path) -> None:
    budgets = ML.replace("thresholds: [50%, 80%, 100%]", "thresholds: [{at: 100%, kind: forecast}]")
    with watching(tmp_path, budgets) as watch:
        now = watch.spend("2026-11-01", 60, 60, 60)
        watch.check(now)
        watch.check(now + timedelta(seconds=30))
        assert [] == watch.told()
        watch.check(now + timedelta(minutes=5))
        assert 1 == len(watch.told())


def test_late_data_for_a_past_month_is_told_under_that_month(watch: Watch) -> None:
    watch.check(watch.spend("2026-10-29", 10, 10))
    watch.bill({"2026-10-30": "600", "2026-11-01": "10"}, noon("2026-11-03"))
    watch.check(noon("2026-11-03"))
    assert [("2026-10", "budget 0.5", "open")] == watch.told()


def test_a_budget_that_is_new_says_nothing_of_months_before_it(watch: Watch) -> None:
    watch.bill({"2026-10-20": "5000", "2026-11-02": "10"}, noon("2026-11-03"))
    watch.check(noon("2026-11-03"))
    assert [] == watch.told()


def test_after_downtime_every_missed_period_is_told_once(tmp_path: Path) -> None:
    with watching(tmp_path, ML.replace("monthly: 1000", "daily: 100").replace("[50%, 80%, 100%]", "[100%]")) as watch:
        watch.check(watch.spend("2026-11-01", 10, 10))
        watch.spend("2026-11-01", 10, 10, 150, 20, 150, 10)
        for _ in range(3):
            watch.check(noon("2026-11-07"))
        assert ["2026-11-03", "2026-11-05"] == [period for period, _, _ in watch.told()]


def test_a6_a_clock_that_jumps_ahead_and_back_repeats_nothing_and_proposes_nothing(tmp_path: Path) -> None:
    with watching(tmp_path, PROPOSING, BRAKE) as watch:
        now = watch.spend("2026-11-01", 300, 300)
        for jump in (timedelta(0), timedelta(hours=1), timedelta(hours=-1), timedelta(days=40), timedelta(0)):
            watch.check(now + jump)
        assert [("2026-11", "budget 0.5", "open")] == watch.told()
        watch.bill({"2026-11-01": "300", "2026-11-02": "900"}, now + timedelta(hours=1))
        watch.check(now + timedelta(hours=1))
        assert 2 == len(watch.told())
        assert [] == watch.proposed


PROPOSING = """
budgets:
  - {name: ml, scope: team=ml, monthly: 1000, owner: "@ana", channel: "#ml", playbook: brake,
     thresholds: [50%, {at: 100%, do: [slack, pagerduty, propose]}]}
"""
BRAKE = """
playbooks:
  brake: [{propose: {lever: gateway.throttle, requests_per_second: 5}}, {war_room: thread}]
"""


def test_a_threshold_that_proposes_asks_once_and_calls_out_by_every_route(tmp_path: Path) -> None:
    with watching(tmp_path, PROPOSING, BRAKE) as watch:
        now = watch.spend("2026-11-01", 600, 600)
        watch.check(now)
        watch.check(now + timedelta(minutes=5))
        assert [("ml", "gateway.throttle")] == watch.proposed
        assert {"slack:#ml", "pagerduty:default"} == {route for _, route in watch.outbox()}
        assert 2 == len(watch.outbox("thread")), "the war room, and what was proposed"


def test_a2_a_proposal_that_a_crash_cut_off_is_made_at_the_next_look(tmp_path: Path) -> None:
    class DiedError(BaseException):
        pass

    with watching(tmp_path, PROPOSING, BRAKE) as watch:
        now = watch.spend("2026-11-01", 600, 600)
        original = watch._propose
        watch._propose = lambda *_: (_ for _ in ()).throw(DiedError())  # type: ignore[method-assign]
        with pytest.raises(DiedError):
            watch.check(now)
        watch._propose = original  # type: ignore[method-assign]
        watch.check(now + timedelta(minutes=5))
        assert [("ml", "gateway.throttle")] == watch.proposed
        assert 1 == len(watch.outbox("post"))


def test_d1_figures_that_are_old_are_told_and_nothing_is_proposed(tmp_path: Path) -> None:
    with watching(tmp_path, PROPOSING, BRAKE) as watch:
        now = watch.spend("2026-11-01", 600, 600)
        watch.check(now + timedelta(days=4))
        assert [] == watch.proposed
        assert "The figures are old" in watch.alerts()[0].finding.facts["In doubt"]


def test_d1_a_day_of_a_thousand_times_the_usual_is_told_and_nothing_is_proposed(tmp_path: Path) -> None:
    with watching(tmp_path, PROPOSING, BRAKE) as watch:
        watch.check(watch.spend("2026-11-01", *[1] * 9, 1000))
        assert [] == watch.proposed
        assert "2026-11-10" in watch.alerts()[0].finding.facts["In doubt"]


def test_d1_a_day_that_falls_to_zero_corrects_nothing(watch: Watch) -> None:
    watch.check(watch.spend("2026-11-01", *[60] * 9))
    watch.spend("2026-11-01", *[60] * 8, 0, at=noon("2026-11-12"))
    watch.check(noon("2026-11-12"))
    assert [("2026-11", "budget 0.5", "open")] == watch.told()


def test_a_rule_speaks_for_each_budget_and_again_only_as_often_as_it_may(tmp_path: Path) -> None:
    rules = "rules: [{name: warn, when: {budget: 50%}, at_most: 1 per day, then: {tell: [owner, pagerduty]}}]"
    budgets = ML.replace("[50%, 80%, 100%]", "[200%]") + '  - {name: all, monthly: 1000, owner: "@bo", thresholds: [200%]}\n'
    with watching(tmp_path, budgets, rules) as watch:
        now = watch.spend("2026-11-01", 300, 300)
        said = watch.check(now)
        assert ["rule:warn@ml"] == [one.watcher for one in watch.alerts()]
        assert "'warn' has spoken as often as it may (1)" in said
        assert [("alert:A-1", "slack:@ana"), ("alert:A-1:pagerduty:default", "pagerduty:default")] == watch.outbox()
        watch.check(now + timedelta(days=1))
        assert ["rule:warn@ml", "rule:warn@all"] == [one.watcher for one in watch.alerts()]


def test_growth_is_told_while_it_goes_on_once_and_is_over_by_itself(tmp_path: Path) -> None:
    rules = "rules: [{name: grows, when: {growth: {scope: team=ml, above: 50%, window: 2d}}}]"
    with watching(tmp_path, "", rules, {"FINOPS_SLACK_ALERTS_CHANNEL": "#alerts"}) as watch:
        watch.check(watch.spend("2026-11-01", 10, 10, 10, 10, 40, 40, 40))
        watch.check(watch.spend("2026-11-01", 10, 10, 10, 10, 40, 40, 40, 40))
        watch.check(watch.spend("2026-11-01", 10, 10, 10, 10, 40, 40, 40, 40, 40, 40))
        assert [("growth None", "resolved")] == [told[1:] for told in watch.told()]
        assert [("alert:A-1", "slack:#alerts")] == watch.outbox("post")


def test_a_rule_under_maintenance_is_silent_and_one_in_quiet_hours_waits(tmp_path: Path) -> None:
    rules = """
rules: [{name: warn, when: {budget: 50% ml}, quiet_hours: {from: '08:00', to: '18:30'}}]
maintenance: [{from: 2026-11-03, to: 2026-11-03, reason: load test, scope: team=ml}]
"""
    with watching(tmp_path, ML.replace("[50%, 80%, 100%]", "[200%]"), rules) as watch:
        now = watch.spend("2026-11-01", 300, 300)
        watch.check(now)
        assert [] == watch.told()
        watch.check(now + timedelta(days=1))
        letter = _due(watch)
        assert noon("2026-11-04") + timedelta(hours=6, minutes=30) == letter


def _due(watch: Watch) -> object:
    from sqlalchemy import select

    from finops.ledger.tables_outbox import outbox

    with watch.tools.ledger.engine.connect() as connection:
        return connection.execute(select(outbox.c.due_at)).scalar()


def test_a_condition_must_hold_as_long_as_the_rule_says(tmp_path: Path) -> None:
    rules = "rules: [{name: warn, when: {budget: 50% ml}, for: 30m}]"
    with watching(tmp_path, ML.replace("[50%, 80%, 100%]", "[200%]"), rules) as watch:
        now = watch.spend("2026-11-01", 300, 300)
        for minutes in (0, 25):
            watch.check(now + timedelta(minutes=minutes))
        assert [] == watch.told()
        watch.check(now + timedelta(minutes=30))
        assert 1 == len(watch.told())


def test_what_nobody_can_find_yet_is_said_and_not_ignored(tmp_path: Path) -> None:
    with watching(tmp_path, "", "rules: [{name: large, when: {oversized_model: true}}]") as watch:
        assert "the rule 'large' cannot fire: finding oversized models is not available yet" in watch.check(noon("2026-11-03"))


def test_a_snooze_that_is_over_opens_the_alert_again_in_its_thread(watch: Watch) -> None:
    now = watch.spend("2026-11-01", 600)
    watch.check(now)
    alerts.snooze(watch.tools.ledger.engine, "A-1", "U0ANA00001", now, "known", now + timedelta(hours=1))
    watch.check(now + timedelta(hours=2))
    assert "open" == watch.alerts()[0].state
    assert 1 == len(watch.outbox("thread"))


def test_a_bill_in_a_currency_without_a_rate_is_said_and_fires_nothing(watch: Watch) -> None:
    watch.bill({"2026-11-01": "9000"}, noon("2026-11-02"), currency="CHF")
    assert "there is no rate from CHF to USD" in watch.check(noon("2026-11-02"))
    assert [] == watch.told()


@pytest.mark.parametrize(("zone", "spent"), [("UTC", Decimal(30)), ("Asia/Tokyo", Decimal(80)), ("America/New_York", Decimal(30))])
def test_a5_a_budget_counts_by_its_own_clock_and_whole_days_of_a_bill_keep_their_date(tmp_path: Path, zone: str, spent: Decimal) -> None:
    """Thirty on 1 November as a whole day, fifty in an hour of 31 October that is 1 November in Tokyo already."""
    with watching(tmp_path, ML.replace("monthly: 1000", f"monthly: 1000, timezone: {zone}")) as watch:
        late = datetime(2026, 10, 31, 20)  # noqa: DTZ001 - as a bill tells it, in UTC
        hour = Charge(date(2026, 10, 31), "50", "ml", more={"ChargePeriodStart": late, "ChargePeriodEnd": late + timedelta(hours=1)})
        deliver(watch.tools.ledger, [Charge(date(2026, 11, 1), "30", "ml"), hour], at=noon("2026-11-02"))
        assert spent == Looking(watch.tools.ledger, noon("2026-11-02")).state(watch.tools.rulebook.budgets[0]).spent


def test_burn_over_hours_sees_use_and_no_fee_for_the_month(tmp_path: Path) -> None:
    """720 a month is one an hour; the fee of 500 at ten counts in the budget and not in its speed."""
    with watching(tmp_path, ML.replace("monthly: 1000", "monthly: 720")) as watch:
        ten = datetime(2026, 11, 2, 10)  # noqa: DTZ001 - as a bill tells it, in UTC
        times = {"ChargePeriodStart": ten, "ChargePeriodEnd": ten + timedelta(hours=1)}
        use = Charge(date(2026, 11, 2), "6", "ml", more={**times, "ChargeCategory": "Usage"})
        fee = Charge(date(2026, 11, 2), "500", "ml", more={**times, "ChargeCategory": "Purchase"})
        deliver(watch.tools.ledger, [use, fee], at=noon("2026-11-02"))
        looking, budget = Looking(watch.tools.ledger, noon("2026-11-02")), watch.tools.rulebook.budgets[0]
        assert (Decimal(1), None) == (looking.burn(budget, timedelta(hours=6)), looking.burn(budget, timedelta(hours=1)))
        assert Decimal(506) == looking.state(budget).spent


def test_what_a_threshold_proposes_waits_for_those_the_budget_names(tmp_path: Path) -> None:
    """The whole way with the real levers, of which none is moved: a proposal only asks."""
    budgets = PROPOSING.replace("playbook: brake", 'playbook: brake, approvers: "@ml-oncall"')
    with watching(tmp_path, budgets, BRAKE) as watch:
        now = watch.spend("2026-11-01", 600, 600)
        tools = JobTools(watch.tools.ledger, now, watch.tools.settings, watch.tools.rulebook)
        said = check(tools, proposer(tools))
        (proposed,) = open_proposals(watch.tools.ledger.engine)
        assert ("gateway.throttle", ("team=ml",)) == (proposed.plan.lever, proposed.plan.targets)
        assert (("ml-oncall",), "slack:#ml") == (tuple(need.group.lstrip("@") for need in proposed.policy.needs), proposed.route)
        assert "P-1 is proposed" in said
