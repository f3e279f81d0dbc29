"""What is due, when: local periods across clock changes, after downtime, and with a clock that jumps."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.errors import UserError
from jobs.slots import Schedule, Slot, due, first_moment, newest, schedule, upcoming

NEW_YORK, LONDON, UTC_ZONE = ZoneInfo("America/New_York"), ZoneInfo("Europe/London"), ZoneInfo("UTC")
ZONES = st.sampled_from(
    ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata", "America/Havana"]
).map(ZoneInfo)
TIMES = st.times().map(lambda at: f"{at:%H:%M}")
HALF_AN_HOUR = timedelta(minutes=30)


def read(**declared: str) -> Schedule:
    found = schedule(**declared)
    assert found is not None
    return found


def keys(when: Schedule, zone: ZoneInfo, last: datetime | None, now: datetime) -> list[str]:
    return [when.slot(number, zone).key for number in due(when, zone, last, now)]


def watched(when: Schedule, zone: ZoneInfo, start: datetime, end: datetime, step: timedelta = HALF_AN_HOUR) -> list[Slot]:
    """All slots that somebody runs who looks every `step`."""
    ran: list[Slot] = []
    last, now = start, start
    while now <= end:
        for number in due(when, zone, last, now):
            ran.append(when.slot(number, zone))
            last = ran[-1].due_at
        now += step
    return ran


def test_half_past_one_comes_twice_in_the_autumn_and_is_run_at_the_first() -> None:
    ran = watched(read(daily="01:30"), NEW_YORK, utc("2026-10-31T06:00"), utc("2026-11-02T12:00"))
    assert [Slot("2026-11-01", utc("2026-11-01T05:30")), Slot("2026-11-02", utc("2026-11-02T06:30"))] == ran


def test_half_past_two_is_missing_in_the_spring_and_is_run_where_the_gap_ends() -> None:
    ran = watched(read(daily="02:30"), NEW_YORK, utc("2026-03-07T12:00"), utc("2026-03-09T12:00"))
    assert [Slot("2026-03-08", utc("2026-03-08T07:00")), Slot("2026-03-09", utc("2026-03-09T06:30"))] == ran


def test_a_midnight_that_does_not_exist_is_run_at_one() -> None:
    assert utc("2018-11-04T03:00") == first_moment(date(2018, 11, 4), datetime.min.time(), ZoneInfo("America/Sao_Paulo"))


def test_an_interval_counts_real_time_through_the_change() -> None:
    ran = watched(read(every="1h"), LONDON, utc("2026-10-24T23:30"), utc("2026-10-25T03:00"))
    assert ["2026-10-25T00:00Z", "2026-10-25T01:00Z", "2026-10-25T02:00Z", "2026-10-25T03:00Z"] == [slot.key for slot in ran]


@given(ZONES, TIMES, st.integers(2017, 2027), st.timedeltas(timedelta(minutes=1), timedelta(days=9)))
def test_every_local_date_of_a_year_comes_once_and_in_order_however_seldom_one_looks(
    zone: ZoneInfo, at: str, year: int, step: timedelta
) -> None:
    start, end = utc(f"{year}-01-01T00:00"), utc(f"{year + 1}-01-03T00:00")
    ran = watched(read(daily=at), zone, start, end, max(step, timedelta(hours=5)))
    dates = [date.fromisoformat(slot.key) for slot in ran]
    assert [dates[0] + timedelta(days=n) for n in range(len(dates))] == dates
    assert len(dates) >= 355
    assert all(slot.due_at.astimezone(zone).date() == date.fromisoformat(slot.key) for slot in ran)


@given(ZONES, st.integers(0, 13 * 365 * 24 * 60), st.sampled_from(["daily", "weekly", "monthly", "every"]), TIMES)
def test_the_newest_slot_is_due_and_the_next_is_not(zone: ZoneInfo, minutes: int, kind: str, at: str) -> None:
    text = {"daily": at, "weekly": f"sunday {at}", "monthly": f"last {at}", "every": "7m"}[kind]
    when, now = read(**{kind: text}), utc("2017-01-01T00:00") + timedelta(minutes=minutes)
    number = newest(when, zone, now)
    assert when.slot(number, zone).due_at <= now < upcoming(when, zone, now).due_at
    assert [] == list(due(when, zone, when.slot(number, zone).due_at, now))


def test_the_last_day_of_the_month_exists_in_each() -> None:
    ran = watched(read(monthly="last 06:30"), UTC_ZONE, utc("2028-01-01T00:00"), utc("2028-04-30T12:00"), timedelta(hours=6))
    assert ["01-31 06:30", "02-29 06:30", "03-31 06:30", "04-30 06:30"] == [f"{slot.due_at:%m-%d %H:%M}" for slot in ran]
    assert "2028-02" == ran[1].key


def test_a_week_is_named_by_its_iso_number_also_across_the_year() -> None:
    ran = watched(read(weekly="friday 06:30"), UTC_ZONE, utc("2026-12-26T00:00"), utc("2027-01-09T00:00"))
    assert [("2026-W53", 1), ("2027-W01", 8)] == [(slot.key, slot.due_at.day) for slot in ran]


def test_after_downtime_every_missed_slot_is_known() -> None:
    last, now = utc("2026-11-01T06:30"), utc("2026-11-04T09:00")
    assert ["2026-11-02", "2026-11-03", "2026-11-04"] == keys(read(daily="06:30"), UTC_ZONE, last, now)


def test_a_job_that_never_ran_takes_up_with_the_newest_slot() -> None:
    assert ["2026-11-03"] == keys(read(daily="06:30"), UTC_ZONE, None, utc("2026-11-04T06:29"))


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=40)])
def test_a_clock_that_goes_back_finds_nothing(back: timedelta) -> None:
    last = utc("2026-11-04T06:30")
    assert [] == keys(read(daily="06:30"), UTC_ZONE, last, last - back)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"every": "5 minutes"}, "'5 minutes' is not an interval; write 5m or 1h"),
        ({"daily": "25:00"}, "'25:00' has no time of day; write one such as 06:30"),
        ({"daily": "6:30"}, "'6:30' has no time of day; write one such as 06:30"),
        ({"weekly": "mondy 06:30"}, "'mondy' is not a weekday; write it out, as in 'monday 06:30'. Did you mean 'monday'?"),
        ({"weekly": "0 06:30"}, "'0' is not a weekday; write it out, as in 'monday 06:30'."),
        ({"monthly": "31 06:30"}, "day 31 is missing in short months; write 'last 06:30' for the last day of each month"),
        ({"monthly": "0 06:30"}, "'0' is not a day of the month; write 1 to 28, or last"),
        ({"monthly": "last"}, "'last' has no time of day; write one such as 06:30"),
        ({"daily": "06:30", "every": "5m"}, "a job has one schedule; give one of every, daily, weekly, monthly"),
    ],
)
def test_a_schedule_that_cannot_be_read_says_what_would_work(declared: dict[str, str], said: str) -> None:
    with pytest.raises(UserError) as problem:
        schedule(**declared)
    assert said == str(problem.value)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
