"""The night that keeps what the month will come to, and closes the one before."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.commands import reply
from bot.replies import Asking, TextReply
from finops.errors import QueryError
from finops.ledger.forecasts import known_scopes
from finops.ledger.tables_forecasts import forecasts
from finops.periods import Period
from jobs.forecast_month import forecast_month
from jobs.registry import Tools as JobTools
from jobs.replaying import forecast_in, replay
from tests.jobs.watched_case import Watch, watching
from tests.ledger.bills import Charge, deliver

BUDGETS = """
budgets:
  - {name: both, scope: "team=ml,search", monthly: 5000}
  - {name: vm, scope: "service=vm", monthly: 5000}
"""


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with watching(tmp_path, BUDGETS) as found:
        yield found


def night(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T05:10+00:00")


def bill(watch: Watch, until: str, ml: int = 200) -> None:
    """A hundred days of ml at its price and search at 80 before `until`, delivered at its midnight."""
    end = date.fromisoformat(until)
    days = [end - timedelta(days=n) for n in range(1, 101)]
    charges = [Charge(day, str(cost), team, "vm") for day in days for team, cost in (("ml", ml), ("search", 80))]
    deliver(watch.tools.ledger, charges, at=datetime.combine(end, datetime.min.time(), UTC) + timedelta(hours=4))


def run(watch: Watch, day: str) -> str:
    return forecast_month(JobTools(watch.tools.ledger, night(day), watch.tools.settings, watch.tools.rulebook))


def test_a_night_keeps_the_whole_the_teams_and_the_budgets_once(watch: Watch) -> None:
    bill(watch, "2026-03-11")
    assert ["kept 6 forecasts", "kept 0 forecasts"] == [run(watch, "2026-03-11") for _ in range(2)]
    ml, search = ("team", ("ml",)), ("team", ("search",))
    scopes = {(), (ml,), (search,), (("team", ("ml", "search")),), (("provider", ("none",)),), (("service", ("vm",)),)}
    assert scopes == set(known_scopes(watch.tools.ledger.engine))


def test_a_month_that_is_complete_closes_and_its_accuracy_can_be_asked(watch: Watch) -> None:
    bill(watch, "2026-03-11")
    run(watch, "2026-03-11")
    bill(watch, "2026-04-05")
    assert run(watch, "2026-04-05").startswith("kept 6 forecasts; closed 6")
    said = reply(watch.tools, "forecast accuracy team=ml", Asking("test", night("2026-04-05")))
    assert isinstance(said, TextReply)
    assert said.lines[0].startswith("Forecasts of team=ml missed the total by")
    (one,) = said.document["horizons"]
    assert ({"from": 21, "to": 25}, 1, True) == (one["days_left"], one["forecasts"], one["wape"] < 0.01)


LENGTHS = """
budgets:
  - {name: weekly, scope: team=ml, weekly: 1400}
  - {name: quarterly, scope: team=ml, quarterly: 18000}
  - {name: west, scope: team=search, daily: 80, timezone: America/Los_Angeles}
  - {name: east, scope: team=search, daily: 80, timezone: Asia/Tokyo}
"""


def periods(watch: Watch, scope: str) -> set[tuple[str, str]]:
    which = select(forecasts.c.first, forecasts.c.until).where(forecasts.c.scope == f'[["team",["{scope}"]]]')
    with watch.tools.ledger.engine.connect() as tx:
        return {(str(row.first), str(row.until)) for row in tx.execute(which)}


def test_periods_of_budgets_are_kept_beside_the_month(tmp_path: Path) -> None:
    """On a Wednesday at 5:10 UTC it is the same day in Tokyo and still Tuesday, which is over, in Los Angeles."""
    month = ("2026-03-01", "2026-04-01")
    with watching(tmp_path, LENGTHS) as watch:
        bill(watch, "2026-03-11")
        run(watch, "2026-03-11")
        assert {month, ("2026-03-09", "2026-03-16"), ("2026-01-01", "2026-04-01")} == periods(watch, "ml")
        assert {month, ("2026-03-11", "2026-03-12")} == periods(watch, "search")


def test_a_week_that_is_complete_closes_and_is_told_apart_from_months(tmp_path: Path) -> None:
    with watching(tmp_path, LENGTHS) as watch:
        bill(watch, "2026-03-11")
        run(watch, "2026-03-11")
        bill(watch, "2026-03-20")
        assert "closed 2" in run(watch, "2026-03-20")  # the week of ml and the day of search
        said = reply(watch.tools, "forecast accuracy team=ml", Asking("test", night("2026-03-20")))
    assert isinstance(said, TextReply)
    assert said.lines[0].startswith("Forecasts of team=ml missed the total of a week by")
    assert [("week", {"from": 1, "to": 5})] == [(one["of"], one["days_left"]) for one in said.document["horizons"]]


def test_a_month_that_is_not_complete_waits(watch: Watch) -> None:
    bill(watch, "2026-03-11")
    run(watch, "2026-03-11")
    assert "closed" not in run(watch, "2026-04-05")


def test_a_restated_bill_moves_what_came(watch: Watch) -> None:
    bill(watch, "2026-03-11")
    run(watch, "2026-03-11")
    bill(watch, "2026-04-05")
    run(watch, "2026-04-05")
    bill(watch, "2026-04-06", ml=210)
    assert "restated 5" in run(watch, "2026-04-06")  # all but search
    assert 31 * 210 == actual(watch, '[["team",["ml"]]]')


def actual(watch: Watch, scope: str) -> Any:
    with watch.tools.ledger.engine.connect() as tx:
        return tx.execute(select(forecasts.c.actual).where(forecasts.c.scope == scope, forecasts.c.first == date(2026, 3, 1))).scalar()


def test_an_empty_ledger_keeps_nothing(watch: Watch) -> None:
    assert "kept 0 forecasts" == run(watch, "2026-03-11")


def test_accuracy_of_what_is_not_kept_names_what_is(watch: Watch) -> None:
    bill(watch, "2026-03-11")
    run(watch, "2026-03-11")
    with pytest.raises(QueryError, match="no forecast of team=mll is kept; kept are provider=none, service=vm, team=ml"):
        reply(watch.tools, "forecast accuracy team=mll", Asking("test", night("2026-03-11")))


def test_a_budget_is_told_before_it_is_spent_by_the_number_of_the_forecast(tmp_path: Path) -> None:
    budgets = 'budgets: [{name: ml, scope: team=ml, monthly: 5000, owner: "@ana", thresholds: [{at: 100%, kind: forecast}]}]'
    with watching(tmp_path, budgets) as watch:
        bill(watch, "2026-03-11")
        for minutes in (0, 5):  # it must hold at two looks
            watch.check(night("2026-03-11") + timedelta(minutes=minutes))
        (alert,) = watch.alerts()
        said = reply(watch.tools, "forecast team=ml", Asking("test", night("2026-03-11")))
    assert ("forecast_breach", said.document["total"]) == (alert.finding.kind, f"{alert.finding.value:f}".rstrip("0").rstrip("."))
    assert "$6,200.00, more than the budget from 26 Mar on" == alert.finding.facts["Forecast"]


LAUNCH = """
calendar: {events: [{name: launch, from: 2026-03-25, to: 2026-03-31, factor: 2}]}
budgets:
  - {name: ml, scope: team=ml, monthly: 6500, thresholds: [{at: 100%, kind: forecast}]}
  - {name: all, monthly: 99000}
"""


def test_a_replay_foresees_what_the_forecast_of_that_day_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the forecast knows of the launch; so many replays that a rule of thumb stands in do not."""
    days = Period(date(2026, 3, 20), date(2026, 3, 23))
    with watching(tmp_path, LAUNCH) as watch:
        bill(watch, "2026-03-20")
        book = watch.tools.rulebook
        assert frozenset({"ml"}) == forecast_in(book)
        told = list(fired(watch, days))
        monkeypatch.setattr("jobs.replaying.MOST_FORECASTS", 2)
        assert ([(date(2026, 3, 21), "forecast_breach")], []) == (told, list(fired(watch, days)))


def fired(watch: Watch, days: Period) -> Iterator[tuple[date, str]]:
    for one in replay(watch.tools.ledger, watch.tools.rulebook, days):
        yield from ((one.day, firing.finding.kind) for firing in one.fired)


def test_a_country_without_a_calendar_leaves_budgets_their_rule_of_thumb(tmp_path: Path) -> None:
    budgets = "calendar: {countries: QQ}\nbudgets: [{name: ml, scope: team=ml, monthly: 5000}]"
    with watching(tmp_path, budgets) as watch:
        bill(watch, "2026-03-11")
        told: Any = reply(watch.tools, "budgets", Asking("test", night("2026-03-11"))).document
    assert ("6200.000000", None) == (told["budgets"][0]["forecast"], told["budgets"][0]["breach_date"])
