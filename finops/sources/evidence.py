"""What a file itself says of its manner: whether months or days come first, and what its commas mean. Nothing is guessed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from finops.charges import TEXT
from finops.errors import BillError
from finops.sources import casts
from finops.sources.rows import Select
from finops.sources.spreadsheets import AMOUNT, COMMA, LONE_GROUP, PLAIN, SIGN, SLASHED, UNMISTAKABLE, Manner, slashes

Ask = Callable[[str], list[tuple[object, ...]]]  # runs SQL

# Signs and several groups prove a comma to be a thousands separator; so does, elsewhere, a point that can only be decimal.
_GROUPED: Final = r"\D*[1-9]\d{0,2}(?:,\d{3})+(?:,\d{3}|\.\d*)\D*|.*[^-()., \d].*"
_DECIMAL_COMMA: Final = r".*(?:,(?:\d{1,2}|\d{4,})\D*|,\d{1,2},.*|\.\d{3},.*)|(?:.*\D)?0,\d.*"
# Not just any comma: in 1,23,456 or 1,234 it may part thousands.
_COMMA_PROVEN: Final = r".*(?:,(?:\d{1,2}|\d{4,})(?:\D.*)?|\.\d{3},\d+.*)|(?:.*\D)?0+,\d.*"
_DECIMAL_POINT: Final = rf"[-( ]*(?:{SIGN} ?)?[-(]?(?:\d+\.(?:\d{{1,2}}|\d{{4,}})|0?\.\d+)(?:[eE][-+]?\d+)?[ )]*"


@dataclass(frozen=True)
class Slashes:
    """The dates with slashes of one column; `day` and `month` are values that can only begin with one."""

    column: str
    is_period: bool
    some: str | None
    day: str | None
    month: str | None
    months_begin: bool  # read month first, all are firsts of a month
    days_begin: bool
    same: bool  # as 3/3/25 is either way
    unmistakable: bool  # some are written otherwise, and one way only
    one_month: bool  # read day first, all are of one month; read month first, they are of several


@dataclass(frozen=True)
class Commas:
    """What the amounts of one column that are no plain numbers show."""

    amounts: bool  # some can only be read one way
    lone: bool  # some read 1,234
    grouped: bool
    decimal: bool  # some comma is a decimal mark, or means we do not know what
    comma: bool  # all may be read with a decimal comma
    proven: bool  # and some must


def manner_of(ask: Ask, select: Select, scan: str, file: str) -> Manner:
    """Return how a file writes. Raises BillError where its dates with slashes could be read either way."""
    moments, amounts = select.texts("moment"), select.texts("money")
    periods = select.names_of(("BillingPeriodStart", "BillingPeriodEnd"))
    if not moments and not amounts:
        return PLAIN
    columns = [_dated(sql) for sql in moments.values()] + [_odd(sql, select) for sql in amounts.values()]
    facts = [_date_facts(f"v{n}") for n in range(len(moments))] + [_comma_facts(f"v{n}") for n in range(len(moments), len(columns))]
    named = ", ".join(f"{sql} AS v{number}" for number, sql in enumerate(columns))
    [row] = ask(f"SELECT {', '.join(facts)} FROM (SELECT {named} FROM {scan})")
    values = iter(row)
    dates = [Slashes(name, name in periods, *_of(next(values))) for name in moments]
    commas = [Commas(*(bool(each) for each in _of(next(values)))) for _ in amounts]
    point = any(each.lone or each.proven for each in commas) and _has_point(ask, list(amounts.values()), scan)
    month_first = _month_first(dates, file, select.format.month_first)
    manner = (
        Manner(month_first, comma=True) if select.format.localized and _has_comma(commas, point) else _manner(month_first, commas, point)
    )
    return replace(manner, unmistakable=any(each.unmistakable for each in dates))


def _has_comma(commas: list[Commas], point: bool) -> bool:
    """Whether commas stand before fractions: some can only do so, none can not, and no amount has a decimal point."""
    return any(each.proven for each in commas) and all(each.comma for each in commas) and not point


def _manner(month_first: bool | None, commas: list[Commas], point: bool) -> Manner:
    proven = point or any(each.grouped for each in commas)
    groups = any(each.lone for each in commas) and proven and not any(each.decimal for each in commas)
    return Manner(month_first, groups or any(each.amounts for each in commas), groups)


def _month_first(dates: list[Slashes], file: str, usual: bool | None) -> bool | None:
    seen = [each for each in dates if each.some]
    if not seen:
        return None
    days = [(each.column, each.day) for each in seen if each.day]
    months = [(each.column, each.month) for each in seen if each.month]
    periods = [each for each in seen if each.is_period]
    month_first, day_first = all(each.months_begin for each in periods), all(each.days_begin for each in periods)
    if month_first != day_first:
        (months if month_first else days).append((periods[0].column, periods[0].some or ""))
    if days and months:
        raise BillError(
            f"{file}: '{days[0][1]}' ({days[0][0]}) can only be day/month and '{months[0][1]}' ({months[0][0]}) only month/day; "
            "write every date as 2026-03-01."
        )
    if days or months:
        return not days
    if usual is not None:  # days of one month are likelier than the same day of several
        return usual and not all(each.one_month for each in seen)
    if all(each.same for each in seen):
        return True
    doubt = next(each for each in seen if not each.same)
    raise BillError(
        f"{file}: nothing in the file tells whether dates such as '{doubt.some}' ({doubt.column}) are month/day or day/month; "
        "write them as 2026-03-01."
    )


def _dated(sql: str) -> str:
    """Dates with slashes, dashes made slashes; a `.` stands for one that reads one way only."""
    odd = f"substr({sql}, 5, 1) <> '-'"
    return f"""CASE WHEN {odd} AND regexp_full_match(trim({sql}), '{SLASHED}') THEN {slashes(sql)}
        WHEN {odd} AND regexp_full_match(trim({sql}), '{UNMISTAKABLE}') THEN '.' END"""


def _odd(sql: str, select: Select) -> str:
    """The few amounts the plain reading cannot read; all else is passed over, for the patterns are slow."""
    return f"CASE WHEN {sql} <> '' AND {casts.read(sql, TEXT, 'money')} IS NULL THEN trim({sql}) END"


def _date_facts(value: str) -> str:
    first, second = (f"TRY_CAST(split_part({value}, '/', {part}) AS INTEGER)" for part in (1, 2))
    only_day_month = f"{first} BETWEEN 13 AND 31 AND {second} BETWEEN 1 AND 12"
    only_month_day = f"{first} BETWEEN 1 AND 12 AND {second} BETWEEN 13 AND 31"
    real = f"({first} BETWEEN 1 AND 12 AND {second} BETWEEN 1 AND 31 OR {only_day_month})"
    facts = {
        "some": f"coalesce(min({value}) FILTER ({real} AND {first} <> {second}), min({value}) FILTER ({real}))",
        "day": f"min({value}) FILTER ({only_day_month})",
        "month": f"min({value}) FILTER ({only_month_day})",
        "months_begin": f"coalesce(bool_and({second} = 1) FILTER ({real}), FALSE)",
        "days_begin": f"coalesce(bool_and({first} = 1) FILTER ({real}), FALSE)",
        "same": f"coalesce(bool_and({first} = {second}) FILTER ({real}), TRUE)",
        "unmistakable": f"coalesce(bool_or({value} = '.'), FALSE)",
        "one_month": f"coalesce(min({first}) FILTER ({real}) < max({first}) FILTER ({real}) "
        f"AND min({second}) FILTER ({real}) = max({second}) FILTER ({real}), FALSE)",
    }
    return _struct(facts)


def _comma_facts(value: str) -> str:
    amount = f"regexp_full_match({value}, '{AMOUNT}')"
    lone = f"regexp_full_match({value}, '{LONE_GROUP}')"
    facts = {
        "amounts": f"bool_or({amount} AND NOT {lone})",
        "lone": f"bool_or({amount} AND {lone})",
        "grouped": f"bool_or({amount} AND contains({value}, ',') AND regexp_full_match({value}, '{_GROUPED}'))",
        "decimal": f"bool_or(regexp_full_match({value}, '{_DECIMAL_COMMA}'))",
        "comma": f"coalesce(bool_and(regexp_full_match({value}, '{COMMA}')), TRUE)",
        "proven": f"bool_or(regexp_full_match({value}, '{COMMA}') AND regexp_full_match({value}, '{_COMMA_PROVEN}'))",
    }
    return _struct(facts)


def _has_point(ask: Ask, amounts: list[str], scan: str) -> bool:
    some = " OR ".join(f"regexp_full_match({sql}, '{_DECIMAL_POINT}')" for sql in amounts)
    return bool(ask(f"SELECT 1 FROM {scan} WHERE {some} LIMIT 1"))


def _struct(facts: dict[str, str]) -> str:
    return "{" + ", ".join(f"'{name}': {sql}" for name, sql in facts.items()) + "}"


def _of(struct: object) -> list[Any]:
    assert isinstance(struct, dict)
    return list(struct.values())
