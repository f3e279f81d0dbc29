"""What was found is kept, checked anew when a bill is restated, and told once while it lasts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from finops.insight.reconcile import Problem, Seen, by_day, problems
from finops.insight.reconcile_status import Tolerance
from finops.ledger import troubles
from finops.ledger.ledger import Ledger
from finops.ledger.reconciliations import Notice, kept, record
from finops.ledger.reconciling import Found
from finops.ledger.state import open_state
from finops.ledger.troubles import current, take_untold, told
from finops.periods import DAY, Period
from finops.telling.reconciliation import LONGEST_NAME, PREFIX, notice_name
from tests.insight.reconcile_samples import MONDAY, TOKENS, bill, measured, share_of
from tests.ledger.older import state_at

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
WEEK = Period(MONDAY, MONDAY + 7 * DAY)


@dataclass
class Days:
    """Checks days of which so many percent were measured, as often as wanted."""

    ledger: Ledger
    now: datetime = NOON
    period: Period = WEEK
    said: list[str] = field(default_factory=list)

    def check(self, shares: Sequence[int], model: str = "claude") -> int:
        lines = [line for n in range(len(shares)) for line in bill(day=MONDAY + n * DAY, model=model)]
        usage = [measured(share_of(TOKENS, share), day=MONDAY + n * DAY, model=model) for n, share in enumerate(shares)]
        seen = Seen(usage, lines, {"Anthropic": frozenset(WEEK)}, {"Anthropic": MONDAY - DAY})
        days = by_day(seen, WEEK, Tolerance())
        notices = [Notice(notice_name(one), one, f"{len(one.days)} days", "look") for one in problems(days, seen.since)]
        found = Found(seen, loads={"Anthropic": ("load-1", "load-2")}, as_of={"Anthropic": NOON})
        opened = record(self.ledger.engine, self.period, days, found, notices, self.now)
        self.now += timedelta(days=1)
        return opened

    def tell(self) -> list[str]:
        """Send what waits, as the alerts channel would see it."""
        taken = take_untold(self.ledger.engine, self.now, f"teller {self.now}")
        for one in taken:
            told(self.ledger.engine, one, self.now)
        return [f"{one.job} {'ends' if one.recovered_at else 'begins'}: {one.error}" for one in taken]


@pytest.fixture
def days(ledger: Ledger) -> Days:
    return Days(ledger)


def test_each_day_is_kept_with_its_sums_its_causes_and_its_bills(days: Days) -> None:
    days.check([100, 80])
    rows = kept(days.ledger.engine, WEEK)
    assert [("claude", MONDAY, "within"), ("claude", MONDAY + DAY, "over")] == [
        (r.model, r.period.start, r.status) for r in rows if r.model
    ]
    last = rows[-1]
    assert (Decimal("80.4"), Decimal("100.5"), Decimal("20.1"), Decimal("0.2")) == (
        last.estimated,
        last.billed,
        last.difference,
        last.share,
    )
    assert [("missing events", "20.1")] == [(cause["cause"], cause["amount"]) for cause in last.causes]
    assert (("load-1", "load-2"), NOON, NOON, NOON) == (last.loads, last.as_of, last.checked_at, last.alerted_at)


def test_a_problem_is_told_once_while_it_grows(days: Days) -> None:
    assert [1, 0, 0] == [days.check([100] + [80] * n) for n in (1, 2, 3)]
    assert ["bill of Anthropic claude begins: 3 days"] == days.tell()
    days.check([100, 80, 80, 80, 80])
    assert [] == days.tell()
    assert "4 days" == current(days.ledger.engine)["bill of Anthropic claude"].error


def test_it_is_over_when_the_newest_day_is_within(days: Days) -> None:
    days.check([80, 80])
    days.tell()
    days.check([80, 80, 100])
    assert ["bill of Anthropic claude ends: 2 days"] == days.tell()
    days.check([80, 80, 100, 100])
    assert [] == days.tell()


def test_a_restated_bill_ends_it_and_a_relapse_is_told_again(days: Days) -> None:
    days.check([100, 80])
    days.tell()
    days.check([100, 100])
    assert ["bill of Anthropic claude ends: 1 days"] == days.tell()
    assert [None] * 4 == [row.alerted_at for row in kept(days.ledger.engine, WEEK)]
    assert 1 == days.check([100, 80])
    assert ["bill of Anthropic claude begins: 1 days"] == days.tell()


def test_a_second_run_of_days_is_told_anew(days: Days) -> None:
    days.check([80, 100])
    assert ["bill of Anthropic claude begins: 1 days"] == days.tell()
    days.check([80, 100])
    days.tell()
    assert 1 == days.check([80, 100, 80])
    assert ["bill of Anthropic claude begins: 2 days"] == days.tell()


def test_an_old_day_that_is_found_late_is_told_and_then_over(days: Days) -> None:
    assert 1 == days.check([80, 100, 100])
    assert ["bill of Anthropic claude begins: 1 days"] == days.tell()
    assert 0 == days.check([80, 100, 100])
    assert ["bill of Anthropic claude ends: 1 days"] == days.tell()


def test_what_cannot_be_compared_any_more_ends_its_notice(days: Days) -> None:
    days.check([80, 80])
    days.tell()
    days.check([])
    assert ["bill of Anthropic claude ends: 2 days"] == days.tell()
    assert [] == kept(days.ledger.engine, WEEK)


def test_troubles_of_jobs_are_left_alone(days: Days) -> None:
    troubles.note(days.ledger.engine, "ingest-bills", NOON, ("it fails", "wait"))
    days.check([100])
    assert {"ingest-bills"} == set(current(days.ledger.engine))


def test_long_names_are_cut_and_stay_apart() -> None:
    names = {notice_name(Problem("Anthropic", "claude-" + "x" * 60 + end, "USD", (), goes_on=True)) for end in "ab"}
    assert (2, True) == (len(names), all(len(name) <= LONGEST_NAME and name.startswith(PREFIX) for name in names))


def test_a_state_database_of_before_is_brought_forward(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    state_at(url, "0002")
    again = open_state(url)
    assert [] == kept(again, Period(date(2026, 1, 1), date(2027, 1, 1)))
    again.dispose()
