"""Periods to come, as people name them on 21 November 2026."""

from datetime import date

import pytest

from finops.language.ahead_words import read_ahead
from finops.language.tokens import Misread
from finops.periods import Period

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        ("30d", "2026-11-21", "2026-12-21"),
        ("next 30 days", "2026-11-21", "2026-12-21"),
        ("for the next two weeks", "2026-11-21", "2026-12-05"),
        ("3 months", "2026-11-21", "2027-02-21"),
        ("this month", "2026-11-01", "2026-12-01"),
        ("next month", "2026-12-01", "2027-01-01"),
        ("this quarter", "2026-10-01", "2027-01-01"),
        ("next quarter", "2027-01-01", "2027-04-01"),
        ("próximo mês", "2026-12-01", "2027-01-01"),
        ("end of year", "2026-01-01", "2027-01-01"),
        ("mtd", "2026-11-01", "2026-12-01"),
        ("december", "2026-12-01", "2027-01-01"),
        ("january", "2027-01-01", "2027-02-01"),
        ("october", "2026-10-01", "2026-11-01"),
        ("2027-02", "2027-02-01", "2027-03-01"),
        ("2026-11-25..2026-12-05", "2026-11-25", "2026-12-06"),
        ("until 2026-12-24", "2026-11-21", "2026-12-25"),
        ("tomorrow", "2026-11-22", "2026-11-23"),
    ],
)
def test_each_way_to_name_a_period(words: str, start: str, end: str) -> None:
    found = read_ahead(f"team=ml {words} by=service", TODAY)
    assert (Period(date.fromisoformat(start), date.fromisoformat(end)), "team=ml by=service") == (found.period, found.rest)


@pytest.mark.parametrize("text", ["team=ml", "project=december by=team", "service='next month'", "last 30d", "by team", "team=a,q1"])
def test_what_is_no_period_to_come_stays_as_it_was(text: str) -> None:
    assert (None, text) == (read_ahead(text, TODAY).period, read_ahead(text, TODAY).rest)


@pytest.mark.parametrize("text", ["until 2026-11-20", "2026-12-05..2026-12-01", "99999999 days", "0d"])
def test_a_period_that_cannot_be_is_told(text: str) -> None:
    with pytest.raises(Misread):
        read_ahead(text, TODAY)
