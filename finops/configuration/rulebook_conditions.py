"""What a rule can watch for: one record for each kind of condition, and how they are joined."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar, Literal, Union

from finops.configuration.rulebook_sections import Scope

UnitFigure = Literal["cost_per_1k_requests", "cost_per_1k_tokens", "tokens_per_request", "cache_hit_ratio"]
GaugeName = Literal["gpu_utilisation", "queue_depth"]
AnomalySeverity = Literal["low", "medium", "high"]
Grain = Literal["day", "hour"]


@dataclass(frozen=True)
class Limits:
    """A figure is over `above` or under `below`; exactly one of them is given."""

    above: Decimal | None = None
    below: Decimal | None = None

    def broken_by(self, value: Decimal) -> bool:
        return (self.above is not None and value > self.above) or (self.below is not None and value < self.below)


@dataclass(frozen=True)
class BudgetSpent:
    """`budget` (None: each budget within the rule's scope) has spent the share `above` of its amount, or more."""

    kind: ClassVar[str] = "budget"
    above: Decimal
    budget: str | None = None


@dataclass(frozen=True)
class BurnWindow:
    """Over the last `window`, spending was at least `above` times as fast as the budget allows."""

    window: timedelta
    above: Decimal


@dataclass(frozen=True)
class BurnRate:
    """Both windows burn: the slow one says that it matters, the fast one that it still goes on."""

    kind: ClassVar[str] = "burn_rate"
    fast: BurnWindow
    slow: BurnWindow
    budget: str | None = None


@dataclass(frozen=True)
class ForecastBreach:
    """The forecast for the period's end reaches the share `above` of the budget's amount."""

    kind: ClassVar[str] = "forecast"
    above: Decimal
    budget: str | None = None


@dataclass(frozen=True)
class AnomalyFound:
    """An anomaly of this severity or a higher one begins; None as `grain` takes those of days and of hours."""

    kind: ClassVar[str] = "anomaly"
    severity: AnomalySeverity = "low"
    grain: Grain | None = None


@dataclass(frozen=True)
class UnitCost:
    """A figure per request or token over `window`, beside a limit or beside the `window` before.

    `vs_baseline` 0.5 is half as much again as before, −0.2 a fifth less. Costs are in the currency of budgets.yaml, a
    cache hit ratio is a share. `scope` narrows the rule's own.
    """

    figure: UnitFigure
    limits: Limits | None
    vs_baseline: Decimal | None
    window: timedelta
    scope: Scope = ()

    @property
    def kind(self) -> str:
        return self.figure


@dataclass(frozen=True)
class Gauge:
    """A capacity metric averaged over `window`; utilisation is a share."""

    gauge: GaugeName
    limits: Limits
    window: timedelta
    scope: Scope = ()

    @property
    def kind(self) -> str:
        return self.gauge


@dataclass(frozen=True)
class Growth:
    """What `scope` costs grew by more than the share `above` from the `window` before to this one."""

    kind: ClassVar[str] = "growth"
    scope: Scope
    above: Decimal
    window: timedelta


@dataclass(frozen=True)
class IdleGpu:
    """A GPU did nothing for `at_least` this long."""

    kind: ClassVar[str] = "idle_gpu"
    at_least: timedelta


@dataclass(frozen=True)
class OversizedModel:
    """A cheaper model would do, as `models` advises."""

    kind: ClassVar[str] = "oversized_model"


@dataclass(frozen=True)
class PromQL:
    """A query that a Prometheus server answers: any of its series breaks the limit. None as `url`: the configured server."""

    kind: ClassVar[str] = "promql"
    query: str
    limits: Limits
    url: str | None = None


Condition = BudgetSpent | BurnRate | ForecastBreach | AnomalyFound | UnitCost | Gauge | Growth | IdleGpu | OversizedModel | PromQL


@dataclass(frozen=True)
class AllOf:
    """Every one of them holds."""

    kind: ClassVar[str] = "all"
    of: tuple["When", ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one of them holds."""

    kind: ClassVar[str] = "any"
    of: tuple["When", ...]


When = Union[Condition, AllOf, AnyOf]  # noqa: UP007 - names itself


def conditions_in(when: When) -> Iterator[Condition]:
    """Yield every condition, however they are joined, in the order they are written."""
    if isinstance(when, AllOf | AnyOf):
        for each in when.of:
            yield from conditions_in(each)
    else:
        yield when
