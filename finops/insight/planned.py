"""What budgets.yaml says of days to come and days gone, as forecasts and detectors read it: holidays, and events by series."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from finops.configuration.rulebook_calendar import CalendarSettings, PlannedEvent
from finops.errors import UserError, meant
from finops.insight.panel import Calendar, Event, Key
from finops.periods import Period

NEGLIGIBLE: Final = 1e-9


@dataclass(frozen=True)
class Touch:
    """How an event meets one series: `of_series` is the share of the series' cost that is the event's, `of_event` the other way round."""

    of_series: float
    of_event: float


Touching = Callable[[PlannedEvent], Sequence[Touch]]  # one for each series of a panel


def calendar(settings: CalendarSettings, days: Period, keys: Sequence[Key], touching: Touching) -> Calendar:
    """Return the holidays and events of `days` for series that each have a key of their own.

    An event changes a series by as much as it has of it: one that doubles half of a team's cost makes the team half as dear again.
    Raises UserError for a country whose holidays nobody knows.
    """
    planned = [event for event in settings.events if event.start < days.end and days.start < event.end]
    events = tuple(one for event in planned for one in _of_series(event, keys, touching(event)))
    return Calendar(holidays(settings, days), events)


def _of_series(event: PlannedEvent, keys: Sequence[Key], touched: Sequence[Touch]) -> Iterable[Event]:
    for key, touch in zip(keys, touched, strict=True):
        factor = 1 + (float(event.factor) - 1) * touch.of_series
        amount = float(event.amount) * touch.of_event
        if abs(factor - 1) > NEGLIGIBLE or abs(amount) > NEGLIGIBLE:
            yield Event(event.start, event.end, max(0.0, factor), amount, key, event.name)


def holidays(settings: CalendarSettings, days: Period) -> frozenset[date]:
    """Return the days on which nobody works. Raises UserError for a country that is not known."""
    kept = {day for day in settings.holidays if day in days}
    for country in settings.countries:
        kept |= _public(country, days)
    return frozenset(kept)


def unknown_countries(settings: CalendarSettings) -> list[str]:
    """Return a sentence for each country, or part of one, whose holidays nobody knows."""
    return [problem for country in settings.countries if (problem := _problem(country))]


def _public(country: str, days: Period) -> set[date]:
    """The public holidays of a country, or of a part of it."""
    if problem := _problem(country):
        raise UserError(problem)
    import holidays as library  # half a megabyte of calendars: only where a country is named

    whole, _, part = country.partition("-")
    years = range(days.start.year, days.end.year + 1)
    return {day for day in library.country_holidays(whole, subdiv=part or None, years=years) if day in days}


def _problem(country: str) -> str:
    try:
        import holidays as library
    except ImportError:
        return f"the public holidays of {country} need the library 'holidays'; install it, or list the days under calendar: holidays"
    whole, _, part = country.partition("-")
    known = library.list_supported_countries(include_aliases=True)
    if whole not in known:
        return f"calendar: countries in budgets.yaml names {country}, which no calendar knows.{meant(whole, known)}"
    if part and part not in known[whole]:
        parts = ", ".join(known[whole][:8]) or "none"
        return f"calendar: countries in budgets.yaml names {country}; the parts of {whole} are {parts}.{meant(part, known[whole])}"
    return ""
