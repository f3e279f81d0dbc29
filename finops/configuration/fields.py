"""Reads the fields of YAML tables into our types and notes every problem instead of stopping at the first."""

import re
from collections.abc import Callable, Collection, Iterator
from datetime import date
from decimal import Decimal
from typing import Final, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from finops.configuration.problems import Problems, shown
from finops.configuration.yamlscalars import day
from finops.currencies import CURRENCIES
from finops.errors import close_to
from finops.yamlfile import Entry, Node, Table

T = TypeVar("T")
Reader = Callable[[Node], T]

MOST_TEXT: Final = 200
TEXT, TEXTS = "a text", "a text or a list of texts"
# As scripts write numbers too: in quotes, or with a small exponent.
NUMBER: Final = re.compile(r"[-+]?([0-9]{1,20}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][-+]?[0-9]{1,2})?")
SHARE: Final = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,4})?) ?%")
HOURS: Final = re.compile(r"([0-9]{1,4}) ?(h|d)")
LARGEST: Final = Decimal("1e15")
# Wide enough for any two currencies, and narrow enough that the product of two rates keeps twelve decimals.
RATES: Final = (Decimal("1e-7"), Decimal("1e7"))
# Zone names that mean something else on every machine.
NO_ZONES: Final = frozenset({"localtime", "posixrules", "Factory"})


class WrongError(Exception):
    """A value that is not what its field takes: `wants` ends the sentence "must be …", `hint` says more."""

    def __init__(self, wants: str, hint: str = "") -> None:
        super().__init__(wants)
        self.wants = wants
        self.hint = hint


class Fields:
    """The fields of one table. Names outside `known` (None: any will do) are noted at once; `what` says whose fields they are."""

    def __init__(self, table: Table, node: Node, known: Collection[str] | None, problems: Problems, what: str) -> None:
        self.node = node
        self._table = table
        self._problems = problems
        self._what = what
        for entry in table:
            if known is not None and entry.name not in known:
                problems.note(entry.key.file, entry.key.line, f"unknown field {shown(entry.name)}{nearest(entry.name, known)}")

    def raw(self, name: str) -> Node | None:
        """Return the node of a field that has a value; `name:` alone is as good as absent."""
        node = self._table.get(name)
        return None if node is None or node.value is None else node

    def is_empty(self, name: str) -> bool:
        """Say whether a field stands there without a value."""
        return self._table.get(name) is not None and self.raw(name) is None

    def get(self, name: str, reader: Reader[T]) -> T | None:
        node = self.raw(name)
        return None if node is None else read(node, reader, f"'{name}'", self._problems)

    def need(self, name: str, reader: Reader[T]) -> T | None:
        """Return a field's value; where it is absent, say so on the line its table begins on."""
        if self.raw(name) is None:
            self.wrong(f"{self._what} needs '{name}'")
        return self.get(name, reader)

    def wrong(self, sentence: str, at: str | None = None) -> None:
        """Note a problem with the table, or with its field `at`."""
        node = (self._table.get(at) if at else None) or self.node
        self._problems.note(node.file, node.line, sentence)


def fields(node: Node, known: Collection[str] | None, problems: Problems, what: str) -> Fields | None:
    """Return the fields of a table, or note that `what` should be one."""
    if isinstance(node.value, Table):
        return Fields(node.value, node, known, problems, what)
    first = next(iter(known)) if known else "name"
    problems.note(node.file, node.line, f"{what} must be fields such as '{first}: …', not {seen(node)}")
    return None


def items(node: Node | None, problems: Problems, what: str) -> Iterator[Node]:
    """Yield the items of a list; an absent one has none."""
    if node is None or node.value is None:
        return
    if isinstance(node.value, tuple):
        yield from node.value
        return
    problems.note(node.file, node.line, f"'{what}' must be a list, each item after '- ', not {seen(node)}")


def entries(node: Node | None, problems: Problems, what: str) -> Iterator[Entry]:
    """Yield the entries of a table whose names are free to choose."""
    if node is None or node.value is None:
        return
    if isinstance(node.value, Table):
        yield from node.value
        return
    problems.note(node.file, node.line, f"'{what}' must be names with a value each, 'name: …', not {seen(node)}")


def read(node: Node, reader: Reader[T], what: str, problems: Problems) -> T | None:
    """Return what `reader` makes of a node, or note what it must be."""
    try:
        return reader(node)
    except WrongError as wrong:
        problems.note(node.file, node.line, f"{what} must be {wrong.wants}, not {seen(node)}{wrong.hint}")
        return None


def nearest(word: str, known: Collection[str]) -> str:
    """Return the end of a sentence about an unknown word: what was meant, or all that is known."""
    if hits := close_to(word, known, most=1):
        return f"; did you mean '{hits[0]}'?"
    return f"; known are {', '.join(sorted(known))}" if len(known) <= 20 else ""


def seen(node: Node) -> str:
    """Name what stands there, for the end of a sentence."""
    if isinstance(node.value, Table):
        return "a group of fields"
    if isinstance(node.value, tuple):
        return "a list"
    return shown(node.text) if node.text else "nothing"


def as_text(node: Node) -> str:
    """Read one line of text; numbers, dates and truth values count as written."""
    text = node.text.strip()
    if isinstance(node.value, tuple | Table) or node.value is None or not text:
        raise WrongError(TEXT)
    if len(text) > MOST_TEXT or "\n" in text or "\t" in text:
        raise WrongError(f"one line of at most {MOST_TEXT} characters")
    return text


def as_texts(node: Node) -> tuple[str, ...]:
    """Read a text or a list of texts."""
    listed = node.value if isinstance(node.value, tuple) else (node,)
    if not listed:
        raise WrongError(TEXTS)
    try:
        return tuple(dict.fromkeys(as_text(item) for item in listed))
    except WrongError as wrong:
        raise WrongError(TEXTS if wrong.wants == TEXT else f"{TEXTS}, each {wrong.wants}") from None


def as_day(node: Node) -> date:
    if isinstance(node.value, date):
        return node.value
    try:
        return day(node.text)
    except ValueError:
        raise WrongError("a day such as 2026-01-31") from None


def as_number(node: Node) -> Decimal:
    number = Decimal(node.text) if NUMBER.fullmatch(node.text) else None
    if number is None or abs(number) >= LARGEST:
        raise WrongError("a number such as 1200.50")
    return number


def as_amount(node: Node) -> Decimal:
    return _at_least("a number above 0, such as 1200.50", as_number(node), above=True)


def as_price(node: Node) -> Decimal:
    return _at_least("a number of 0 or more, such as 0.25", as_number(node))


def as_rate(node: Node) -> Decimal:
    number = as_number(node)
    if not RATES[0] <= number <= RATES[1]:
        raise WrongError("what one unit is worth, above 0, such as 1.12")
    return number


def as_share(node: Node) -> Decimal:
    """Read `80%` as 0.8."""
    found = SHARE.fullmatch(node.text)
    if not found or not Decimal(found[1]):
        raise WrongError("a percentage such as 80%")
    return Decimal(found[1]) / 100


def as_hours(node: Node) -> int:
    """Read `48h` or `2d` as hours."""
    found = HOURS.fullmatch(node.text)
    if not found:
        raise WrongError("a time such as 48h or 2d")
    return int(found[1]) * (24 if found[2] == "d" else 1)


def as_currency(node: Node) -> str:
    if node.text not in CURRENCIES:
        raise WrongError("an ISO 4217 currency code such as USD", _maybe(node.text, CURRENCIES))
    return node.text


def as_zone(node: Node) -> str:
    """Read the name of an IANA time zone."""
    try:
        if node.text in NO_ZONES:
            raise ValueError(node.text)
        return ZoneInfo(node.text).key
    except (ValueError, OSError, KeyError):  # a folder is an OSError, an unknown name a KeyError
        raise WrongError("a time zone such as Europe/Zurich", _maybe(node.text, available_timezones() - NO_ZONES)) from None


def one_of(choices: Collection[str]) -> Reader[str]:
    """Return a reader that takes exactly one of the words."""

    def read_choice(node: Node) -> str:
        if node.text not in choices:
            raise WrongError(f"one of {', '.join(choices)}", _maybe(node.text, choices))
        return node.text

    return read_choice


def _at_least(wants: str, number: Decimal, *, above: bool = False) -> Decimal:
    if number < 0 or (above and not number):
        raise WrongError(wants)
    return number


def _maybe(word: str, known: Collection[str]) -> str:
    hits = close_to(word, known, most=1)
    return f"; did you mean '{hits[0]}'?" if hits else ""
