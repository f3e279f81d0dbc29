"""What an hour costs by a bill's own lines, and which hours a bill leaves out: sums worked out by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from finops.guard.hour_rates import HourLine, ran, rate_of, unbilled

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def line(start: datetime, hours: str = "1", cost: str = "2", *, grain: timedelta = HOUR, meter: str = "box", **more: object) -> HourLine:
    said = {"resource": "i-1", "currency": "USD", "committed": False, "source": "aws", **more}
    return HourLine(meter=meter, start=start, end=start + grain, hours=Decimal(hours), cost=Decimal(cost), **said)  # type: ignore[arg-type]


def test_a_rate_is_cost_by_hours_and_its_range_is_that_of_the_days() -> None:
    """One day at 2, one at 4 an hour with half as many hours: 8 of 3."""
    rate = rate_of([line(NOON - DAY, "2", "4"), line(NOON, "1", "4")])
    assert rate
    assert (Decimal(8) / 3, Decimal(2), Decimal(4), 2) == (rate.likely, rate.low, rate.high, rate.days)


def test_two_meters_of_a_machine_count_the_same_hours_and_both_cost() -> None:
    rate = rate_of([line(NOON, "24", "48"), line(NOON, "24", "12", meter="optimised")])
    assert rate
    assert Decimal("2.5") == rate.likely


def test_machines_of_different_meters_count_their_own_hours() -> None:
    assert Decimal(3) == ran([line(NOON, "1"), line(NOON, "2", meter="larger", resource="i-2")])


def test_committed_hours_are_charged_whether_it_runs_or_not() -> None:
    rate = rate_of([line(NOON, "1", "2"), line(NOON, "3", "3", committed=True)])
    assert rate
    assert (Decimal("0.5"), Decimal("0.75")) == (rate.likely, rate.committed)
    assert "without the 75 % that a commitment pays for in any case" in rate.basis


def test_without_hours_or_in_two_currencies_there_is_no_rate() -> None:
    assert None is rate_of([]) is rate_of([line(NOON), line(NOON, currency="EUR")])


@pytest.mark.parametrize(
    ("grain", "lines", "left_out"),
    [
        (HOUR, [], 2),
        (HOUR, [line(NOON, "0.5")], Decimal("1.5")),
        (HOUR, [line(NOON - HOUR), line(NOON + 2 * HOUR)], 2),
        (DAY, [line(NOON - HOUR * 12, "22", grain=DAY)], 2),
        (DAY, [line(NOON - HOUR * 12, "25", grain=DAY)], 0),
    ],
    ids=["not at all", "half an hour", "only around it", "a day's line", "more than there are"],
)
def test_a_bill_leaves_out_what_it_does_not_charge(grain: timedelta, lines: list[HourLine], left_out: Decimal) -> None:
    assert left_out == unbilled(lines, 1, NOON, NOON + 2 * HOUR, grain)
