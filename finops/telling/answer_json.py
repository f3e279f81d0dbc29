"""An answer as the JSON document that scripts rely on; keys may be added, never renamed or dropped."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from finops.answers import Answer, Freshness, LikeForLike, Point, Row, Sums, Units
from finops.insight.unit_costs import unit_costs
from finops.language.query_json import to_json
from finops.periods import DAY
from finops.telling.sentences import before

Document = dict[str, object]


def document(answer: Answer) -> Document:
    """Return the whole answer as JSON values; several currencies are listed apart, since their sum would mean nothing."""
    only = answer.sums[0] if len(answer.sums) == 1 else None
    return {
        "id": answer.id,
        "query": to_json(answer.query),
        "metric": answer.query.metric,
        **(_sums(only, answer) if only else _without_one_currency(answer)),
        "by_currency": [_sums(each, answer) for each in answer.sums] if len(answer.sums) > 1 else None,
        "as_of": None if answer.as_of is None else moment(answer.as_of),
        "complete_through": None if answer.complete_until is None else (answer.complete_until - DAY).isoformat(),
        "sources": [_source(each) for each in answer.sources],
        "notes": list(answer.notes),
    }


def amount(value: Decimal | None) -> str | None:
    """Write a decimal plainly: no exponent, no trailing zeros, every digit that counts."""
    if value is None:
        return None
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def moment(time: datetime) -> str:
    """Write a time in UTC with `Z`; a time without an offset already is UTC."""
    return f"{(time if time.tzinfo is None else time.astimezone(UTC)).replace(tzinfo=None).isoformat()}Z"


def _sums(sums: Sums, answer: Answer) -> Document:
    by = answer.query.by
    return {
        "currency": sums.currency,
        "total": amount(sums.total),
        "previous": _previous(answer, sums.previous),
        "change": amount(sums.change),
        "change_share": sums.change_share,
        "count": sums.count,
        "estimated": amount(sums.estimated),
        "units": units(sums.total, sums.units),
        "rows": [_row(row, sums, by) for row in sums.rows],
        "other": None if sums.rest is None else {**_figures(sums.rest, sums), "groups": sums.rest_groups},
        "movers": [_mover(row, sums, answer.movers_by) for row in sums.movers],
        "like_for_like": _like_for_like(sums.like_for_like),
        "series": [_point(point) for point in sums.series],
    }


def _without_one_currency(answer: Answer) -> Document:
    return {
        **dict.fromkeys(("currency", "total", "change", "change_share", "count", "estimated", "other", "like_for_like")),
        "units": units(None, None),
        "previous": _previous(answer, None),
        "rows": [],
        "movers": [],
        "series": [],
    }


def _previous(answer: Answer, total: Decimal | None) -> Document | None:
    compare = answer.query.compare
    if compare is None:
        return None
    return {"start": compare.start.isoformat(), "end": compare.end.isoformat(), "total": amount(total)}


def _row(row: Row, sums: Sums, by: Sequence[str]) -> Document:
    return {"key": _key(row, by), **_figures(row, sums), "count": row.count, "units": units(row.cost, row.units)}


def units(cost: Decimal | None, used: Units | None, metric: Decimal | None = None) -> Document:
    """Return what was used and what each unit cost; null where it is not known."""
    each = unit_costs(cost, used, metric)
    counted = (
        "requests",
        "tokens",
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
        "unpriced",
    )
    return {
        **{name: getattr(used, name) if used else None for name in counted},
        "cost_per_request": amount(each.per_request),
        "cost_per_1k_requests": amount(each.per_1k_requests),
        "cost_per_1k_tokens": amount(each.per_1k_tokens),
        "cost_per_1k_input_tokens": amount(each.per_1k_input_tokens),
        "cost_per_1k_output_tokens": amount(each.per_1k_output_tokens),
        "tokens_per_request": amount(each.tokens_per_request),
        "cache_hit_ratio": each.cache_hit_ratio,
    }


def _mover(row: Row, sums: Sums, by: Sequence[str]) -> Document:
    return {"key": _key(row, by), **_figures(row, sums), "change": amount(row.change)}


def _key(row: Row, by: Sequence[str]) -> Document:
    return dict(zip(by, row.key, strict=True))


def _figures(row: Row, sums: Sums) -> Document:
    return {"cost": amount(row.cost), "previous": amount(before(row, sums)), "share": row.share}


def _like_for_like(cut: LikeForLike | None) -> Document | None:
    if cut is None:
        return None
    change = cut.total - cut.previous
    share = float(change / abs(cut.previous)) if cut.previous else None
    return {
        "days": cut.days,
        "total": amount(cut.total),
        "previous": amount(cut.previous),
        "change": amount(change),
        "change_share": share,
    }


def _point(point: Point) -> Document:
    return {"date": point.start.isoformat(), "cost": amount(point.cost), "complete": point.complete}


def _source(source: Freshness) -> Document:
    return {
        "source": source.source,
        "delivered_at": moment(source.delivered_at),
        "last_day": source.last_day.isoformat(),
        "complete_through": (source.complete_until - DAY).isoformat(),
    }
