"""Money divided by what was used, and business metrics of a scope."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest

from finops.answers import Units
from finops.insight.unit_costs import MetricPoint, UnitCosts, days_known, metric_sum, unit_costs
from finops.periods import Period
from finops.query import Filter

WEEK = Period(date(2026, 3, 2), date(2026, 3, 9))
USED = Units(4, 1000, 500, cache_read_tokens=250, input_cost=Decimal(2), output_cost=Decimal(3), users=2, sessions=5)


def point(day: int, value: str, **key: str) -> MetricPoint:
    return MetricPoint(date(2026, 3, day), Decimal(value), key)


SERIES = [point(1, "1000"), point(2, "1", team="ml"), point(8, "2", team="search"), point(8, "4"), point(9, "1000")]


def test_each_unit_has_its_cost() -> None:
    assert unit_costs(Decimal(6), USED, Decimal(12)) == UnitCosts(
        per_request=Decimal("1.5"),
        per_1k_requests=Decimal(1500),
        per_1k_tokens=Decimal(4),
        per_1k_input_tokens=Decimal(2),
        per_1k_output_tokens=Decimal(6),
        per_user=Decimal(3),
        per_session=Decimal("1.2"),
        per_metric=Decimal("0.5"),
        tokens_per_request=Decimal(375),
        cache_hit_ratio=0.25,
    )


def test_nothing_is_divided_by_nothing() -> None:
    assert UnitCosts() == unit_costs(Decimal(6), None)
    assert UnitCosts() == unit_costs(Decimal(6), Units(0, 0, 0), Decimal(0))
    assert UnitCosts(tokens_per_request=Decimal(1), cache_hit_ratio=0.0) == unit_costs(None, Units(1, 1, 0))


@pytest.mark.parametrize(
    ("scope", "group", "wanted"),
    [
        ((), {}, "7"),
        ((Filter("team", ("ml",)),), {}, "5"),
        ((Filter("team", ("M*",)),), {}, "5"),
        ((Filter("team", ("ml",), negated=True),), {}, "6"),
        ((Filter("model", ("claude",)),), {}, "7"),
        ((), {"team": "search", "model": "claude"}, "6"),
        ((), {"team": None}, "4"),
    ],
)
def test_a_metric_is_summed_for_whom_it_tells_apart(scope: Sequence[Filter], group: dict[str, str | None], wanted: str) -> None:
    assert Decimal(wanted) == metric_sum(SERIES, WEEK, scope, group)


def test_without_a_point_there_is_no_metric() -> None:
    assert None is metric_sum([point(1, "5")], WEEK)
    assert (0, 2) == (days_known([point(1, "5")], WEEK), days_known(SERIES, WEEK))
