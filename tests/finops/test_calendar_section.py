"""The calendar section of budgets.yaml: holidays and planned events."""

from datetime import date
from decimal import Decimal

import pytest

from finops.configuration.rulebook_calendar import CalendarSettings, PlannedEvent
from finops.errors import ConfigError
from finops.rulebook import read
from finops.yamlfile import parse


def calendar(text: str) -> CalendarSettings:
    return read(parse(f"calendar: {text}", "budgets.yaml"), None).calendar


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as told:
        calendar(text)
    return list(told.value.problems)


def test_without_the_section_nothing_is_known_of_days_to_come() -> None:
    assert CalendarSettings() == read(parse("currency: USD", "budgets.yaml"), None).calendar


def test_holidays_come_from_countries_and_from_days_in_their_order() -> None:
    expected = CalendarSettings(("US", "CH-ZH"), (date(2026, 1, 2), date(2026, 12, 24)))
    assert expected == calendar("{countries: [US, CH-ZH], holidays: [2026-12-24, 2026-01-02]}")
    assert ("DE",) == calendar("{countries: DE}").countries


def test_an_event_includes_its_last_day_and_lasts_one_day_without_it() -> None:
    found = calendar("{events: [{name: sale, from: 2026-11-27, to: 2026-11-30, factor: 1.5, scope: team=shop}]}")
    assert (
        PlannedEvent("sale", date(2026, 11, 27), date(2026, 12, 1), Decimal("1.5"), Decimal(0), (("team", ("shop",)),)),
    ) == found.events
    assert date(2026, 11, 28) == calendar("{events: [{name: run, from: 2026-11-27, amount: -20}]}").events[0].end


def test_a_factor_of_nought_stands_for_days_on_which_nothing_runs() -> None:
    assert Decimal(0) == calendar("{events: [{name: off, from: 2026-12-24, to: 2027-01-02, factor: 0}]}").events[0].factor


def test_mistakes_are_told_with_the_way_out() -> None:
    event = "{events: [{name: sale, from: 2026-11-27, %s}]}"
    expected = "budgets.yaml:1: an event needs 'factor' (how many times the usual cost) or 'amount' (how much more each day)"
    assert [expected] == problems(event % "to: 2026-11-28")
    expected = "budgets.yaml:1: 'to' (2026-11-26) is the last day of the event; it must be 2026-11-27 or at most 400 days later"
    assert [expected] == problems(event % "to: 2026-11-26, factor: 2")
    assert ["budgets.yaml:1: 'factor' must be a number above 0, such as 1200.50, not '-1'"] == problems(event % "factor: -1")
    expected = (
        "budgets.yaml:1: 'countries' must be the ISO code of a country such as US, or of a part of it such as CH-ZH, or a list of such"
    )
    assert expected in problems("{countries: [usa]}")[0]
    assert ["budgets.yaml:1: a holiday must be a day such as 2026-01-31"] == problems("{holidays: [christmas]}")
    assert ["budgets.yaml:1: the holiday 2026-12-24 is given twice, first on line 1; keep one of them"] == problems(
        "{holidays: [2026-12-24, 2026-12-24]}"
    )
    assert ["budgets.yaml:1: unknown field 'hollidays'; did you mean 'holidays'?"] == problems("{hollidays: []}")
