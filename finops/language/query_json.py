"""A question as JSON, for scripts and for replaying it later."""

from collections.abc import Mapping
from datetime import date
from typing import Final, TypeVar

from finops.charges import METRICS
from finops.errors import QueryError, close_to, meant
from finops.language.echo import GRAIN_ADVERBS, echo
from finops.language.words import METRIC_WORDS
from finops.periods import DAY, Grain, Period, default_grain, preceding
from finops.query import CostQuery, Filter, read_back

T = TypeVar("T")
KEYS: Final = ("scope", "exclude", "filters", "start", "end", "compare", "by", "grain", "metric", "top", "currency", "count", "text")
GRAINS: Final[dict[str, Grain]] = {grain: grain for grain in GRAIN_ADVERBS}


def to_json(query: CostQuery) -> dict[str, object]:
    """Return the question with `end` as the day after the last; `scope` and `exclude` are a short view of `filters`."""
    return {
        "scope": _view(query.scope, negated=False),
        "exclude": _view(query.scope, negated=True),
        "filters": [{"dimension": each.dimension, "values": list(each.values), "negated": each.negated} for each in query.scope],
        **_ends(query.period),
        "compare": _ends(query.compare) if query.compare else None,
        "by": list(query.by),
        "grain": query.grain,
        "metric": query.metric,
        "top": query.top,
        "currency": query.currency,
        "count": query.count,
        "text": echo(query),
    }


def from_json(document: Mapping[str, object]) -> CostQuery:
    """Return the question; only `start` and `end` are needed. Raises QueryError for what could not be asked in words either."""
    for key in document:
        if key not in KEYS:
            raise QueryError(f"'{key}' is not a key of a question.{meant(key, KEYS)}", did_you_mean=close_to(key, KEYS))
    period = _period(document, "the question")
    query = CostQuery(
        period=period,
        compare=_compare(document, period),
        scope=_scope(document),
        by=_texts(document.get("by", []), "by"),
        grain=_chosen(document.get("grain", default_grain(period)), GRAINS, "grain"),
        metric=_chosen(document.get("metric", "effective"), {metric: METRIC_WORDS[metric] for metric in METRICS}, "metric"),
        top=_number(document.get("top", 10)),
        currency=_optional(document, "currency"),
        count=_optional(document, "count"),
    )
    return _sayable(query)


def _optional(document: Mapping[str, object], key: str) -> str | None:
    return None if document.get(key) is None else _text(document[key], key)


def _sayable(query: CostQuery) -> CostQuery:
    """Hold the question to the rules of the language, by asking it in words."""
    said = read_back(echo(query))
    if said != query:
        raise QueryError(f"The question repeats or misspells something; it reads as: {echo(said)}", did_you_mean=(echo(said),))
    return query


def _view(scope: tuple[Filter, ...], *, negated: bool) -> dict[str, list[str]]:
    """Return dimension → values; where two filters on one dimension must both hold, the first."""
    return {each.dimension: list(each.values) for each in reversed(scope) if each.negated == negated}


def _ends(period: Period) -> dict[str, str]:
    return {"start": f"{period.start}", "end": f"{period.end}"}


def _scope(document: Mapping[str, object]) -> tuple[Filter, ...]:
    """Read `filters`, or `scope` and `exclude`; where both are given they must agree, so that no edit is lost."""
    given = {key: _mapping(document[key], key) for key in ("scope", "exclude") if key in document}
    if "filters" not in document:
        return tuple(
            Filter(dimension, _texts(values, dimension), negated=key == "exclude")
            for key, view in given.items()
            for dimension, values in view.items()
        )
    filters = document["filters"]
    if not isinstance(filters, list | tuple):
        raise _not_a("filters", "a list of filters", filters)
    scope = tuple(_filter(_mapping(each, "filters")) for each in filters)
    for key, view in given.items():
        if dict(view) != _view(scope, negated=key == "exclude"):
            raise QueryError(f"'{key}' and 'filters' say different things; leave 'filters' out after changing '{key}'.")
    return scope


def _filter(each: Mapping[str, object]) -> Filter:
    negated = each.get("negated", False)
    if not isinstance(negated, bool):
        raise _not_a("negated", "true or false", negated)
    return Filter(_text(each.get("dimension"), "dimension"), _texts(each.get("values"), "values"), negated)


def _compare(document: Mapping[str, object], period: Period) -> Period | None:
    if "compare" in document:
        compare = document["compare"]
        return None if compare is None else _period(_mapping(compare, "compare"), "'compare'")
    try:
        return preceding(period)
    except OverflowError:
        raise QueryError("Nothing can lie before that period; set 'compare' to null.") from None


def _period(document: Mapping[str, object], where: str) -> Period:
    start, end = _day(document, "start", where), _day(document, "end", where)
    if end <= start:
        raise QueryError(f"The 'end' of {where}, {end}, is the day after the last and must come after {start}; try {start + DAY}.")
    return Period(start, end)


def _day(document: Mapping[str, object], key: str, where: str) -> date:
    day = document.get(key)
    try:
        return date.fromisoformat(day if isinstance(day, str) else "")
    except ValueError:
        raise QueryError(f"The '{key}' of {where} is a date such as 2026-03-01, not {_brief(day)}.") from None


def _texts(values: object, key: str) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        raise _not_a(key, "a list of texts", values)
    return tuple(_text(value, key) for value in values)


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise _not_a(key, "text", value)
    return value


def _mapping(value: object, key: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _not_a(key, "an object", value)
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _not_a("top", "a number from 1 to 100", value)
    return value


def _chosen(value: object, table: Mapping[str, T], key: str) -> T:
    if not isinstance(value, str) or value not in table:
        raise _not_a(key, f"one of {', '.join(table)}", value)
    return table[value]


def _not_a(key: str, kind: str, value: object) -> QueryError:
    return QueryError(f"'{key}' is {kind}, not {_brief(value)}.")


def _brief(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
