"""Holidays and events of budgets.yaml, as they meet each series."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from finops.configuration.rulebook_calendar import CalendarSettings, PlannedEvent
from finops.errors import UserError
from finops.insight.panel import Key
from finops.insight.planned import Touch, calendar, holidays
from finops.periods import Period

NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))
ML, SEARCH = ((("team", "ml"),), (("team", "search"),))
KEYS: tuple[Key, ...] = (ML, SEARCH)


def launch(**more: str) -> PlannedEvent:
    factor, amount = Decimal(more.get("factor", "1")), Decimal(more.get("amount", "0"))
    return PlannedEvent("launch", date(2026, 11, 24), date(2026, 11, 27), factor, amount)


def found(event: PlannedEvent, *touched: Touch) -> list[tuple[Key, float, float]]:
    events = calendar(CalendarSettings(events=(event,)), NOVEMBER, KEYS, lambda _: touched).events
    return [(one.scope, round(one.factor, 6), round(one.amount, 6)) for one in events]


def test_a_country_brings_its_holidays_and_days_of_ones_own_stay() -> None:
    settings = CalendarSettings(countries=("US",), holidays=(date(2026, 11, 27), date(2026, 12, 24)))
    assert {date(2026, 11, 11), date(2026, 11, 26), date(2026, 11, 27)} == holidays(settings, NOVEMBER)


def test_a_part_of_a_country_has_holidays_of_its_own() -> None:
    august = Period(date(2026, 8, 1), date(2026, 9, 1))
    found = [sorted(holidays(CalendarSettings(countries=(code,)), august)) for code in ("CH-ZH", "CH-TI")]
    assert [[date(2026, 8, 1)], [date(2026, 8, 1), date(2026, 8, 15)]] == found


@pytest.mark.parametrize(
    ("code", "said"),
    [("QQ", "names QQ, which no calendar knows"), ("CH-ZZ", "names CH-ZZ; the parts of CH are AG, AI")],
)
def test_a_place_nobody_knows_is_told_with_those_there_are(code: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        holidays(CalendarSettings(countries=(code,)), NOVEMBER)


def test_an_event_changes_a_series_by_what_the_series_has_of_it() -> None:
    """Doubling a quarter of what ml costs makes ml a quarter dearer, and leaves search alone."""
    assert [(ML, 1.25, 0)] == found(launch(factor="2"), Touch(0.25, 1.0), Touch(0.0, 0.0))


def test_an_amount_is_shared_out_by_whose_the_event_is() -> None:
    assert [(ML, 1, 750), (SEARCH, 1, 250)] == found(launch(amount="1000"), Touch(0.5, 0.75), Touch(1.0, 0.25))


def test_an_event_of_other_days_is_left_out() -> None:
    before = PlannedEvent("old", NOVEMBER.start - timedelta(days=2), NOVEMBER.start, Decimal(3))
    assert [] == found(before, Touch(1, 1), Touch(1, 1))
