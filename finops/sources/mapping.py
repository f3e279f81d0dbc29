"""What a bill format is: which raw columns it needs, and how they become ledger columns."""

import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from finops.charges import COLUMNS, MOMENT, MONEY
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
class Mapping:
    """A bill format. Expressions are SQL; `{raw_column:kind}` stands for a raw column read as text, money,
    moment or json; a raw column that stands alone is read as its ledger column needs it, otherwise as text.

    `columns` gives each ledger column its expressions, best first: the first one whose raw columns are all delivered is
    used. A `?` at the end makes the column optional (null when missing), `{x:has}` is true when it was delivered, and
    `{x:key=name}` reads one key of a map. Braces meant for SQL are doubled.
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
    """Return the mapping's folded column name for each delivered name; an alias counts only where the real name is absent."""
    folded = {fold(name): name for name in names}
    aliases = {fold(other): fold(real) for other, real in mapping.aliases.items()}
    stand_ins = {name: aliases[key] for key, name in folded.items() if key in aliases and aliases[key] not in folded}
    return {name: stand_ins.get(name, key) for key, name in folded.items()}


def lacking(mapping: Mapping, names: Iterable[str]) -> tuple[str, ...]:
    """Return the required columns that are not among `names`, the first of each group."""
    known = set(known_as(mapping, names).values())
    return tuple(group[0] for group in mapping.required if not any(fold(one) in known for one in group))


def understood(mapping: Mapping) -> set[str]:
    """Return the folded names of all raw columns the mapping can read."""
    expressions = [expression for some in mapping.columns.values() for expression in some]
    return {fold(each.column) for expression in expressions for each in readings(expression)}


def header_of(mapping: Mapping, columns: Iterable[Column]) -> Header:
    """Return the delivered columns under the names the mapping uses."""
    delivered = list(columns)
    names = known_as(mapping, (column.name for column in delivered))
    return {names[column.name]: column for column in delivered if column.name in names}


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
