"""One question about cost, as every entrance asks it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Final

from finops.charges import Metric
from finops.errors import QueryError, close_to
from finops.language.filter_words import Condition
from finops.language.period_words import last_seven_days
from finops.language.question_words import read_question
from finops.language.tokens import Misread, shown, unprintable
from finops.periods import Grain, Period, default_grain

NONE = "none"  # `team=none` asks for the charges nobody owns
MAX_TEXT: Final = 2_000
MAX_FILTERS: Final = 50
MAX_VALUES: Final = 200
NOTHING_KNOWN: Final[Mapping[str, Collection[str]]] = MappingProxyType({})


@dataclass(frozen=True)
class Filter:
    """Charges whose `dimension` is any of `values` (or none of them); `*` in a value stands for any run of characters."""

    dimension: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True)
class CostQuery:
    """What did `scope` cost in `period`, compared with `compare` (None: with nothing), split `by` dimensions.

    `currency` None means the reporting currency where a rate is known, else each currency by itself. `count` names a
    dimension whose different values are counted beside the cost.
    """

    period: Period
    compare: Period | None = None
    scope: tuple[Filter, ...] = ()
    by: tuple[str, ...] = ()
    grain: Grain = "day"
    metric: Metric = "effective"
    top: int = 10
    currency: str | None = None
    count: str | None = None


def parse(text: str, today: date, values: Mapping[str, Collection[str]] = NOTHING_KNOWN) -> CostQuery:
    """Read a question; `values` are the known values of dimensions, so that a bare `ml` is answered with `team=ml`.

    Raises QueryError, whose `did_you_mean` holds whole corrected questions and whose `suggestion` is an example.
    """
    return _parse(text, today, values, repairs=2)


def read_back(text: str) -> CostQuery:
    """Read what `echo` wrote, on any day and however long its explicit dates made it."""
    try:
        return _query(_printable(text), date.max, NOTHING_KNOWN)
    except Misread as wrong:
        raise QueryError(wrong.message, suggestion=wrong.suggestion) from None


def unknown_values(query: CostQuery, values: Mapping[str, Collection[str]]) -> list[str]:
    """Return a sentence for each exact value that is not among the known ones of its dimension."""
    asked = [(each.dimension, value) for each in query.scope for value in each.values if value != NONE and "*" not in value]
    return [
        f"no {name} '{shown(value)}' in the ledger{_or_rather(value, values[name])}"
        for name, value in dict.fromkeys(asked)
        if name in values and value not in values[name]
    ]


def unknown_sentences(query: CostQuery, values: Mapping[str, Collection[str]]) -> list[str]:
    """Return the same as whole sentences."""
    return [f"There is {text}{'' if text.endswith('?') else '.'}" for text in unknown_values(query, values)]


def spelled(query: CostQuery, values: Mapping[str, Collection[str]]) -> CostQuery:
    """Return `query` with each value that nothing has, and of which one other spelling of capitals exists, spelled that way."""
    return replace(query, scope=tuple(_spelled(each, values) for each in query.scope))


def _spelled(each: Filter, values: Mapping[str, Collection[str]]) -> Filter:
    if each.dimension not in values:
        return each
    known = values[each.dimension]
    return replace(each, values=tuple(dict.fromkeys(value if value in known else _alike(value, known) for value in each.values)))


def _alike(value: str, known: Iterable[str]) -> str:
    found = [one for one in known if one.casefold() == value.casefold()]
    return found[0] if len(found) == 1 else value


def _or_rather(value: str, known: Collection[str]) -> str:
    near = close_to(value, known, most=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _parse(text: str, today: date, values: Mapping[str, Collection[str]], repairs: int) -> CostQuery:
    try:
        return _query(_checked(text), today, values)
    except Misread as wrong:
        corrected = [(text[: wrong.start] + instead + text[wrong.end :]).strip() for instead in wrong.instead[:3]]
        working = _working(filter(None, corrected), today, values, repairs) if repairs else ()
        raise QueryError(wrong.message, suggestion=wrong.suggestion, did_you_mean=working) from None


def _working(questions: Iterable[str], today: date, values: Mapping[str, Collection[str]], repairs: int) -> tuple[str, ...]:
    """Return the questions that can be read, or else what comes of correcting their next mistake."""
    good, better = {}, {}
    for question in questions:
        try:
            _parse(question, today, values, repairs - 1)
            good[question] = True
        except QueryError as error:
            better.update(dict.fromkeys(error.did_you_mean[:1], True))
    return tuple(good or better)


def _checked(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Misread(f"A question has at most {MAX_TEXT:,} characters, not {len(text):,}.", 0, len(text))
    return _printable(text)


def _printable(text: str) -> str:
    if sign := unprintable("".join(text.split())):
        raise Misread(f"The question holds the control sign U+{ord(sign):04X}; leave it out.", at := text.index(sign), at + 1, "")
    return text


def _query(text: str, today: date, values: Mapping[str, Collection[str]]) -> CostQuery:
    asked = read_question(text, today, values)
    try:
        spoken = asked.period or last_seven_days(today)
        compare = asked.compared.period if asked.compared else spoken.before(spoken.period)
    except (OverflowError, ValueError):  # what `date` raises beyond the years 1 to 9999
        raise Misread("Nothing can lie before that period; add 'vs none'.", 0, len(text), f"{text} vs none") from None
    return CostQuery(
        period=spoken.period,
        compare=compare,
        scope=_scope(asked.conditions),
        by=tuple(asked.by),
        grain=asked.grain or default_grain(spoken.period),
        metric=asked.metric or "effective",
        top=asked.top or 10,
        currency=asked.currency,
        count=asked.count,
    )


def _scope(conditions: list[Condition]) -> tuple[Filter, ...]:
    """Drop what is said twice; `team!=a team!=b` is one filter, while `x=a* x=*b` stay two that both must hold."""
    refused = {
        each.dimension: [v for other in conditions if _same(each, other) for v in other.values] for each in conditions if each.negated
    }
    filters = [
        Filter(each.dimension, tuple(dict.fromkeys(refused[each.dimension])), True) if each.negated else _filter(each)
        for each in conditions
    ]
    scope = tuple(dict.fromkeys(filters))
    if len(scope) > MAX_FILTERS or sum(len(each.values) for each in scope) > MAX_VALUES:
        raise Misread(f"A question has at most {MAX_FILTERS} filters with {MAX_VALUES} values in all; use a pattern such as Amazon*.", 0, 0)
    return scope


def _same(one: Condition, other: Condition) -> bool:
    return other.negated and other.dimension == one.dimension


def _filter(condition: Condition) -> Filter:
    return Filter(condition.dimension, condition.values)
