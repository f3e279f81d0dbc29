"""The section `calendar` of budgets.yaml: holidays, and what is planned, so that forecasts and detectors know of them beforehand."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from finops.configuration import shapes
from finops.configuration.fields import WrongError, as_amount, as_day, as_number, as_text, fields, items
from finops.configuration.problems import Problems
from finops.configuration.readers import many
from finops.configuration.rulebook_sections import Once, Scope, found, scope_of
from finops.configuration.shapes import Shape, Shapes
from finops.yamlfile import Node

COUNTRY: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
LONGEST: Final = timedelta(days=400)

EVENT: Final[Shapes] = {
    "name": Shape(shapes.TEXT, "What it is, in the words a forecast shows.", needed=True),
    "from": Shape(shapes.DAY, "The first day.", needed=True),
    "to": Shape(shapes.DAY, "The last day; the first one without it."),
    "scope": Shape(shapes.SCOPE, "What costs more or less then; everything without it."),
    "factor": Shape(shapes.NUMBER, "How many times the usual cost: 1.5 is half as much again, 0 is none."),
    "amount": Shape(shapes.NUMBER, "What it costs more on each day; less with a minus."),
}
CALENDAR: Final[Shapes] = {
    "countries": Shape(
        shapes.one_or_many({"type": "string", "pattern": f"^{COUNTRY.pattern}$"}), "Whose public holidays are kept: US, or CH-ZH."
    ),
    "holidays": Shape(shapes.list_of(shapes.DAY), "Further days on which nobody works."),
    "events": Shape(shapes.list_of(shapes.table(EVENT)), "What is planned: launches, sales, training runs, a new price."),
}


@dataclass(frozen=True)
class PlannedEvent:
    """From `start` up to `end`, each day of `scope` costs `factor` times the usual, plus `amount` in the reporting currency."""

    name: str
    start: date
    end: date
    factor: Decimal = Decimal(1)
    amount: Decimal = Decimal(0)
    scope: Scope = ()


@dataclass(frozen=True)
class CalendarSettings:
    """Holidays by ISO 3166 codes of countries (or their parts) and by days, and what is planned."""

    countries: tuple[str, ...] = ()
    holidays: tuple[date, ...] = ()
    events: tuple[PlannedEvent, ...] = ()


def calendar_of(section: Node | None, problems: Problems) -> CalendarSettings:
    row = fields(section, tuple(CALENDAR), problems, "'calendar'") if section is not None else None
    if row is None:
        return CalendarSettings()
    once, days = Once(problems), []
    for item in items(row.raw("holidays"), problems, "holidays"):
        try:
            days.append(as_day(item))
            once.add(days[-1], item, f"the holiday {days[-1]}")
        except WrongError as wrong:
            problems.note(item.file, item.line, f"a holiday must be {wrong.wants}")
    events = found(_event(item, problems) for item in items(row.raw("events"), problems, "events"))
    return CalendarSettings(row.get("countries", many(as_country)) or (), tuple(sorted(days)), events)


def as_country(node: Node) -> str:
    """Read `US`, or a part of a country as `CH-ZH`."""
    if not COUNTRY.fullmatch(node.text):
        raise WrongError("the ISO code of a country such as US, or of a part of it such as CH-ZH")
    return node.text


def _event(node: Node, problems: Problems) -> PlannedEvent | None:
    row = fields(node, tuple(EVENT), problems, "an event")
    if row is None:
        return None
    name, first = row.need("name", as_text), row.need("from", as_day)
    last = row.get("to", as_day) or first
    factor, amount = row.get("factor", as_factor), row.get("amount", as_number)
    scope = scope_of(row.raw("scope"), problems)
    if row.raw("factor") is None and row.raw("amount") is None:
        row.wrong("an event needs 'factor' (how many times the usual cost) or 'amount' (how much more each day)")
    if name is None or first is None or last is None:
        return None
    if not first <= last < first + LONGEST:
        row.wrong(f"'to' ({last}) is the last day of the event; it must be {first} or at most {LONGEST.days} days later", at="to")
        return None
    return PlannedEvent(name, first, last + timedelta(days=1), Decimal(1) if factor is None else factor, amount or Decimal(0), scope)


def as_factor(node: Node) -> Decimal:
    """Read a number from 0 up; 0 stands for days on which nothing runs."""
    return as_number(node) if node.text.strip() in ("0", "0.0") else as_amount(node)
