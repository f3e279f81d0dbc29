"""What a bill format is: which raw columns it needs, and how they become ledger columns."""

import re
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from finops.charges import COLUMNS, MOMENT, MONEY, TEXT
from finops.sources import casts
from finops.sources.spreadsheets import PLAIN, Manner


@dataclass(frozen=True)
class Mark:
    """Good rows that a person should hear of; `when` is SQL, and the number of rows is added to `note`."""

    name: str
    when: str
    note: str


@dataclass(frozen=True)
class LeftOut(Mark):
    """Raw rows that are no money of their own; `only_if` names a condition some row of the delivery must meet first."""

    only_if: str | None = None


@dataclass(frozen=True)
class View:
    """One of two exports of the same money. `proof` and `hint` are SQL over raw columns: what only its rows show, and what they tend to."""

    name: str
    words: str  # a regular expression for the names of its files and folders
    proof: str
    hint: str = "FALSE"


@dataclass(frozen=True)
class Views:
    """Two exports of the same money: as it is billed, and with commitments spread over what they cover."""

    billed: View
    spread: View


# Columns that no file has: which view of the costs a file is, and the only currency its rows name.
VIEW: Final = "(view)"
CURRENCY: Final = "(currency)"
_TRANSLATED: Final = re.compile(r"(.*)\(([^()]+)\)\s*")
_CODE: Final = re.compile("[A-Z]{3}")


@dataclass(frozen=True)
class Mapping:
    """A bill format. Expressions are SQL; `{raw_column:kind}` stands for a raw column read as text, money,
    moment or json; a raw column that stands alone is read as its ledger column needs it, otherwise as text.

    `columns` gives each ledger column its expressions, best first: the first one whose raw columns are all delivered is
    used. A `?` at the end makes the column optional (null when missing), `{x:has}` is true when it was delivered, and
    `{x:key=name}` reads one key of a map, `{x:labels}` a list of key/value records as a JSON object, `{x:sum=amount}` adds
    up a field of a list of records, `{x:members}` a JSON object that may have lost its braces, and `{x:month}` YYYYMM.
    Braces meant for SQL are doubled.
    """

    name: str
    about: str
    required: tuple[tuple[str, ...], ...]  # of each group one raw column must be there
    columns: dict[str, tuple[str, ...]]
    version: int = 1  # raise it whenever the same bytes would be read differently
    aliases: dict[str, str] = field(default_factory=dict)  # another spelling → the raw column it stands for
    quiet: tuple[str, ...] = ()  # beginnings of columns that are known and deliberately not kept
    left_out: tuple[LeftOut, ...] = ()
    marks: tuple[Mark, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)  # ledger column → what to note when the bill does not have it
    gathers: dict[str, tuple[str, ...]] = field(default_factory=dict)  # raw map column → beginnings of the columns that are its keys
    fuller: tuple[str, ...] = ()  # columns that only the fuller one of two exports of the same money has
    views: Views | None = None  # set where bills come as billed and as amortised; `{(view)}` then tells which one a row is of
    currency: str | None = None  # SQL for a row's currency; `{(currency)}` is then the only one its file names, or else USD
    localized: bool = False  # headers may be translated, the real name behind them in parentheses, and amounts have decimal commas
    month_first: bool | None = None  # how its producer writes dates with slashes, where the file itself does not tell

    @cached_property
    def names(self) -> frozenset[str]:
        """The folded names of all raw columns it can read, aliases included."""
        return frozenset({fold(name) for name in understood_names(self.columns)} | {fold(name) for name in self.aliases})

    def is_quiet(self, folded: str) -> bool:
        """Whether a column is known and deliberately not kept."""
        return bool(self.quiet) and folded.startswith(tuple(fold(begin) for begin in self.quiet))

    def gathered(self, name: str) -> tuple[str, str] | None:
        """Return the map column and the key that a delivered column stands for, if it is one of many that make a map."""
        folded = name.casefold()
        found = ((real, begin) for real, begins in self.gathers.items() for begin in begins if folded.startswith(begin.casefold()))
        return next(((real, name[len(begin) :]) for real, begin in found if len(name) > len(begin)), None)


@dataclass(frozen=True)
class Column:
    """A raw column as the reader sees it: the SQL that names it, its DuckDB type, and the name in the file."""

    sql: str
    type: str
    name: str


@dataclass(frozen=True)
class Reading:
    """One placeholder of an expression: which raw column, read as what."""

    column: str
    kind: str
    optional: bool


Header = dict[str, Column]  # folded name → column


def fold(name: str) -> str:
    """Return `name` as headers are compared: without case, underscores, spaces and byte order mark."""
    return name.removeprefix("\ufeff").strip().replace("_", "").replace(" ", "").casefold()


def known_as(mapping: Mapping, names: Iterable[str]) -> dict[str, str]:
    """Return the mapping's folded column name for each delivered name.

    Of several columns that claim one name, the one called so comes first, then the translated, then aliases, each in their
    order; the others are called `name (again)`.
    """
    folded = {name: fold(name) for name in names}
    aliases = {fold(other): fold(real) for other, real in mapping.aliases.items()}
    inner = {name: _inner(mapping, name, key) for name, key in folded.items()}
    claims = [(name, key) for name, key in folded.items() if not inner[name]] + [(name, key) for name, key in inner.items() if key]
    taken: dict[str, str] = {}
    for name, key in claims:
        taken.setdefault(key, name)
    known = {name: key if taken[key] == name else f"{key} (again)" for name, key in claims}
    for name, key in claims:
        if key in aliases and known[name] == key and aliases[key] not in taken:
            taken[aliases[key]] = name
            known[name] = aliases[key]
    return {name: known[name] for name in folded}


def _inner(mapping: Mapping, name: str, folded: str) -> str | None:
    """The real name in `Kosten (Cost)`, or in `Date (Datum)`, where the mapping knows it; in `Cost (EUR)` no name is translated."""
    found = _TRANSLATED.fullmatch(name) if mapping.localized and folded not in mapping.names else None
    if found is None:
        return None
    keys = [fold(found[2])] + ([] if _CODE.fullmatch(found[2]) else [fold(found[1])])
    known = [key for key in keys if key in mapping.names] or [key for key in keys if key and mapping.is_quiet(key)]
    return known[0] if known else None


def lacking(mapping: Mapping, names: Iterable[str]) -> tuple[str, ...]:
    """Return the required columns that are not among `names`, the first of each group."""
    known = set(known_as(mapping, names).values())
    return tuple(group[0] for group in mapping.required if not any(fold(one) in known for one in group))


def weighs(mapping: Mapping, name: str) -> bool:
    """Return whether a column is needed, or tells a date or an amount; the others only describe a charge."""
    key = known_as(mapping, [name])[name]
    needed = {fold(one) for group in mapping.required for one in group}
    exact = {column: some for column, some in mapping.columns.items() if COLUMNS[column] != TEXT}
    return key in needed or key in {fold(each) for each in understood_names(exact)}


def understood(mapping: Mapping) -> set[str]:
    """Return the folded names of all raw columns the mapping can read."""
    return {fold(name) for name in understood_names(mapping.columns)}


def understood_names(columns: dict[str, tuple[str, ...]]) -> set[str]:
    """Return the names of all raw columns that the expressions of ledger columns read."""
    return {each.column for some in columns.values() for expression in some for each in readings(expression)}


def nested(mappings: Iterable[Mapping]) -> frozenset[str]:
    """Return the folded names of raw columns that hold records whose fields are columns: `project` of `project.id`."""
    names = (name.casefold() for mapping in mappings for name in understood_names(mapping.columns))
    return frozenset(name[:at] for name in names for at, sign in enumerate(name) if sign == ".")


def header_of(mapping: Mapping, columns: Iterable[Column]) -> Header:
    """Return the delivered columns under the names the mapping uses."""
    delivered = list(columns)
    names = known_as(mapping, (column.name for column in delivered))
    header: Header = {}
    for column in delivered:
        key = names[column.name]
        header[f"{key} (again)" if key in header else key] = column
    return header | _maps(mapping, delivered)


def _maps(mapping: Mapping, delivered: list[Column]) -> Header:
    """Columns that are the keys of one map, as that map."""
    maps: dict[str, list[tuple[str, str, str]]] = {}
    for column in delivered:
        if found := mapping.gathered(column.name):
            maps.setdefault(found[0], []).append((found[1], column.sql, column.type))
    return {fold(real): Column(casts.object_of(pairs), casts.OBJECT, real) for real, pairs in maps.items()}


def readings(expression: str, default: str = "text") -> tuple[Reading, ...]:
    """Return the raw columns an expression reads."""
    kind = default if _is_bare(expression) else "text"
    return tuple(reading(name, spec or "", kind) for _, name, spec, _ in string.Formatter().parse(expression) if name is not None)


def reading(name: str, spec: str, default: str) -> Reading:
    """Return one placeholder; `has` is never required, it is the question itself."""
    kind = spec.removesuffix("?") or default
    return Reading(name.removesuffix("?"), kind, kind == "has" or (name + spec).endswith("?"))


def render(expression: str, resolve: Callable[[Reading], str], default: str = "text") -> str:
    """Return the SQL of an expression; `resolve` says what stands for each raw column it reads."""
    kind = default if _is_bare(expression) else "text"
    parts = []
    for text, name, spec, _ in string.Formatter().parse(expression):
        parts.append(text)
        if name is not None:
            parts.append(resolve(reading(name, spec or "", kind)))
    return "".join(parts)


def choose(mapping: Mapping, ledger_column: str, header: Header) -> str | None:
    """Return the expression for a ledger column: the first whose raw columns were delivered, or None."""
    for expression in mapping.columns.get(ledger_column, ()):
        if all(each.optional or fold(each.column) in header for each in readings(expression)):
            return expression
    return None


def kind_of(ledger_column: str) -> str:
    """Return how the raw columns of a ledger column are read unless the expression says otherwise."""
    if ledger_column in ("Tags", "SkuPriceDetails"):
        return "json"
    return {MONEY: "money", MOMENT: "moment"}.get(COLUMNS[ledger_column], "text")


def read(want: Reading, header: Header, manner: Manner = PLAIN) -> str:
    """Return SQL that reads a raw column where it was delivered, and null where not."""
    column = header.get(fold(want.column))
    if want.kind == "has":
        return "TRUE" if column else "FALSE"
    return manner.read(column.sql, column.type, want.kind) if column else f"CAST(NULL AS {casts.type_of(want.kind)})"


def _is_bare(expression: str) -> bool:
    """Whether the expression is one raw column and nothing else; only then does the ledger column's kind apply to it."""
    return [text or name is None for text, name, _, _ in string.Formatter().parse(expression)] == [False]
