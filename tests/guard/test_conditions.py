"""Conditions say yes, no, or that nobody can say."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.configuration.rulebook_budgets import Budget
from finops.configuration.rulebook_conditions import (
    AllOf,
    AnomalyFound,
    AnyOf,
    BudgetSpent,
    BurnRate,
    BurnWindow,
    Gauge,
    Growth,
    IdleGpu,
    Limits,
    OversizedModel,
    PromQL,
    UnitCost,
    When,
)
from finops.configuration.rulebook_rules import Rule
from finops.configuration.rulebook_sections import Scope
from finops.guard.budgets import BudgetState, state_of
from finops.guard.conditions import judge, targets, unavailable
from finops.guard.idle import Fleet
from finops.insight.anomalies_events import Anomaly
from finops.periods import Period
from tests.guard.test_budgets import budget, spending

HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
NOW = datetime(2026, 11, 11, tzinfo=UTC)


@dataclass
class Known:
    """What is looked up, chosen by the test; `asked` notes the scopes."""

    spent: int = 100
    burns: dict[timedelta, Decimal] = field(default_factory=dict)
    units: Sequence[str | None] = (None, None)
    grown: tuple[int, int] | None = None
    gauged: str | None = None
    series: Sequence[str] = ()
    fleet: Fleet | None = None
    spotted: Sequence[Anomaly] | None = ()
    asked: list[Scope] = field(default_factory=list)

    def state(self, of: Budget, period: Period | None = None) -> BudgetState:
        return state_of(of, spending("2026-11-01", *[self.spent] * 10), NOW, period)

    def burn(self, of: Budget, window: timedelta) -> Decimal | None:
        return self.burns.get(window)

    def unit(self, figure: Any, scope: Scope, window: timedelta, back: int) -> Decimal | None:
        self.asked.append(scope)
        value = self.units[back]
        return None if value is None else Decimal(value)

    def growth(self, scope: Scope, window: timedelta) -> tuple[Decimal, Decimal] | None:
        return None if self.grown is None else (Decimal(self.grown[0]), Decimal(self.grown[1]))

    def gauge(self, name: Any, scope: Scope, window: timedelta) -> Decimal | None:
        return None if self.gauged is None else Decimal(self.gauged)

    def promql(self, query: str, url: str | None) -> Sequence[Decimal] | None:
        return [Decimal(value) for value in self.series]

    def idle(self, at_least: timedelta) -> Fleet | None:
        return self.fleet

    def anomalies(self, scope: Scope) -> Sequence[Anomaly] | None:
        return self.spotted


BURNS = BurnRate(BurnWindow(HOUR, Decimal(14)), BurnWindow(6 * HOUR, Decimal(6)))
SPENT = BudgetSpent(Decimal("0.5"))
HITS = UnitCost("cache_hit_ratio", Limits(below=Decimal("0.3")), None, WEEK)
LONGER = UnitCost("tokens_per_request", None, Decimal("0.5"), WEEK)
GROWS = Growth((), Decimal("0.2"), WEEK)
QUEUE = Gauge("queue_depth", Limits(above=Decimal(10)), HOUR)
QUERY = PromQL("up", Limits(below=Decimal(1)))
FAST_AND_SLOW = {HOUR: Decimal(20), 6 * HOUR: Decimal(7)}


@pytest.mark.parametrize(
    ("when", "known", "holds"),
    [
        (SPENT, Known(spent=150), True),
        (SPENT, Known(spent=149), False),
        (BURNS, Known(burns=FAST_AND_SLOW), True),
        (BURNS, Known(burns={HOUR: Decimal(20), 6 * HOUR: Decimal(5)}), False),
        (BURNS, Known(burns={HOUR: Decimal(13), 6 * HOUR: Decimal(7)}), False),
        (BURNS, Known(), None),
        (HITS, Known(units=("0.2", None)), True),
        (HITS, Known(units=("0.3", None)), False),
        (HITS, Known(), None),
        (LONGER, Known(units=("151", "100")), True),
        (LONGER, Known(units=("150", "100")), False),
        (LONGER, Known(units=("151", None)), None),
        (GROWS, Known(grown=(121, 100)), True),
        (GROWS, Known(grown=(120, 100)), False),
        (GROWS, Known(grown=(120, 0)), None),
        (QUEUE, Known(gauged="11"), True),
        (QUEUE, Known(), None),
        (QUERY, Known(series=("1", "0")), True),
        (QUERY, Known(series=("1", "1")), False),
        (QUERY, Known(), None),
        (IdleGpu(HOUR), Known(), None),
        (AllOf((SPENT, QUEUE)), Known(spent=150, gauged="11"), True),
        (AllOf((SPENT, QUEUE)), Known(spent=150), None),
        (AllOf((SPENT, QUEUE)), Known(spent=1), False),
        (AnyOf((SPENT, QUEUE)), Known(spent=150), True),
        (AnyOf((SPENT, QUEUE)), Known(spent=1), None),
        (AnyOf((SPENT, QUEUE)), Known(spent=1, gauged="1"), False),
    ],
)
def test_a_condition_holds_or_not_or_nobody_can_say(when: When, known: Known, holds: bool | None) -> None:
    assert holds is judge(when, known, (), budget(), (budget(),)).holds


def test_the_scope_of_a_condition_narrows_that_of_its_rule() -> None:
    known = Known(units=("1", "1"))
    narrowed = UnitCost("cache_hit_ratio", Limits(below=Decimal(1)), None, WEEK, (("model", ("m",)),))
    judge(narrowed, known, (("team", ("ml",)),), None, ())
    assert [(("model", ("m",)), ("team", ("ml",)))] == known.asked


def test_a_rule_is_judged_for_each_budget_within_its_scope() -> None:
    ml = budget()
    search = Budget("search", (("team", ("search",)),), "month", Decimal(1), "USD")
    assert (ml, search) == targets(Rule("r", SPENT), (ml, search))
    assert (ml,) == targets(Rule("r", SPENT, scope=(("team", ("ml",)),)), (ml, search))
    assert (search,) == targets(Rule("r", BudgetSpent(Decimal(1), "Search")), (ml, search))
    assert (None,) == targets(Rule("r", GROWS), (ml, search))


def test_a_rule_that_cannot_fire_yet_is_named() -> None:
    said = "the rule 'r' cannot fire: finding oversized models is not available yet"
    assert [said] == unavailable([Rule("r", AnyOf((SPENT, OversizedModel())))])


def spike(severity: str = "high", grain: str = "day", excess: float = 300.0) -> Anomaly:
    start, key = date(2026, 11, 10), (("team", "ml"),)
    return Anomaly("A-0123456789", key, "spike", grain, start, start, start, 100.0, 100.0 + excess, severity, "open", 2.0, "USD")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        (AnomalyFound("medium"), True),
        (AnomalyFound("high"), False),
        (AnomalyFound("low", "day"), True),
        (AnomalyFound("low", "hour"), False),
    ],
)
def test_an_anomaly_counts_from_the_severity_and_of_the_grain_asked(when: AnomalyFound, holds: bool) -> None:
    found = judge(when, Known(spotted=(spike("medium"),)), (), None, ())
    assert holds == found.holds


def test_the_largest_anomaly_speaks_for_all() -> None:
    found = judge(AnomalyFound("low"), Known(spotted=(spike(), spike(excess=-900.0))), (), None, ())
    assert "team=ml cost 900 USD less than expected (A-0123456789, high and 1 more)" == found.said
    assert (Decimal("-900.0"), "USD") == (found.value, found.unit)


def test_where_nobody_looked_for_anomalies_nobody_can_say() -> None:
    found = judge(AnomalyFound("low"), Known(spotted=None), (), None, ())
    assert (None, "nobody has looked for anomalies lately") == (found.holds, found.said)
