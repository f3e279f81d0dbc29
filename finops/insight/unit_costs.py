"""What one request, a thousand tokens, a user or an order costs: money divided by what was used."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from finops.answers import Units
from finops.periods import Period
from finops.query import Filter

PLACES: Final = Decimal("1e-10")
THOUSAND: Final = 1000


@dataclass(frozen=True)
class UnitCosts:
    """Amounts in the answer's currency; None where there is nothing to divide by, or the cost is not known.

    `per_1k_input_tokens` and `per_1k_output_tokens` are at list price, since bills seldom tell them apart.
    """

    per_request: Decimal | None = None
    per_1k_requests: Decimal | None = None
    per_1k_tokens: Decimal | None = None
    per_1k_input_tokens: Decimal | None = None
    per_1k_output_tokens: Decimal | None = None
    per_user: Decimal | None = None
    per_session: Decimal | None = None
    per_metric: Decimal | None = None
    tokens_per_request: Decimal | None = None
    cache_hit_ratio: float | None = None


def unit_costs(cost: Decimal | None, units: Units | None, metric: Decimal | None = None) -> UnitCosts:
    """Divide `cost` by what was used, and by a business `metric` where one is given."""
    if units is None:
        return UnitCosts(per_metric=_each(cost, metric))
    return UnitCosts(
        per_request=_each(cost, units.requests),
        per_1k_requests=_each(cost, units.requests, THOUSAND),
        per_1k_tokens=_each(cost, units.tokens, THOUSAND),
        per_1k_input_tokens=_each(units.input_cost, units.input_tokens, THOUSAND),
        per_1k_output_tokens=_each(units.output_cost, units.output_tokens, THOUSAND),
        per_user=_each(cost, units.users),
        per_session=_each(cost, units.sessions),
        per_metric=_each(cost, metric),
        tokens_per_request=_each(Decimal(units.tokens), units.requests),
        cache_hit_ratio=units.cache_read_tokens / units.input_tokens if units.input_tokens else None,
    )


def _each(amount: Decimal | None, count: int | Decimal | None, times: int = 1) -> Decimal | None:
    return None if amount is None or not count else (amount * times / count).quantize(PLACES)


@dataclass(frozen=True)
class MetricPoint:
    """One value of a business metric: how many orders, tickets or documents there were on a day, for whom."""

    day: date
    value: Decimal
    key: Mapping[str, str]  # dimension → value, where the series tells them apart


def metric_sum(
    points: Sequence[MetricPoint], period: Period, scope: Sequence[Filter] = (), group: Mapping[str, str | None] | None = None
) -> Decimal | None:
    """Sum a metric over `period` for the scope of a question and one of its groups; None without any point.

    What the series does not tell apart counts for every scope and group.
    """
    found = [point.value for point in points if point.day in period and _matches(point, scope, group or {})]
    return sum(found, Decimal(0)) if found else None


def days_known(points: Sequence[MetricPoint], period: Period) -> int:
    """Return on how many days of `period` a metric has a value."""
    return len({point.day for point in points if point.day in period})


def _matches(point: MetricPoint, scope: Sequence[Filter], group: Mapping[str, str | None]) -> bool:
    inside = all(_is_in(point.key[each.dimension], each) for each in scope if each.dimension in point.key)
    return inside and all(point.key[name] == value for name, value in group.items() if name in point.key)


def _is_in(value: str, wanted: Filter) -> bool:
    """A value is one of those named, or like one with `*`, whose capitals do not matter; all of them where they are excluded."""
    found = any(_like(value, one) if "*" in one else value == one for one in wanted.values)
    return found != wanted.negated


def _like(value: str, pattern: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.casefold().split("*"))), value.casefold(), re.DOTALL) is not None
