"""Reads the `when` of a rule: one condition, or several under `all` or `any`."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final, cast

from finops.configuration import shapes
from finops.configuration.fields import Fields, Reader, WrongError, as_amount, as_number, as_share, as_text, fields, nearest, one_of, read
from finops.configuration.problems import Problems, shown
from finops.configuration.readers import as_change, as_duration, as_flag
from finops.configuration.rulebook_conditions import (
    AllOf,
    AnomalyFound,
    AnomalySeverity,
    AnyOf,
    BudgetSpent,
    BurnRate,
    BurnWindow,
    Condition,
    ForecastBreach,
    Gauge,
    GaugeName,
    Grain,
    Growth,
    IdleGpu,
    Limits,
    OversizedModel,
    PromQL,
    UnitCost,
    UnitFigure,
    When,
)
from finops.configuration.rulebook_sections import found, scope_of
from finops.configuration.rulebook_sources import as_web
from finops.configuration.shapes import Shape, Shapes
from finops.yamlfile import Node, Table

SEVERITIES: Final[tuple[AnomalySeverity, ...]] = ("low", "medium", "high")
GRAINS: Final[tuple[Grain, ...]] = ("day", "hour")
FIGURES: Final[tuple[UnitFigure, ...]] = ("cost_per_1k_requests", "cost_per_1k_tokens", "tokens_per_request", "cache_hit_ratio")
GAUGES: Final[tuple[GaugeName, ...]] = ("gpu_utilisation", "queue_depth")
SHARES: Final = ("cache_hit_ratio", "gpu_utilisation")
WEEK, HOUR = timedelta(days=7), timedelta(hours=1)
# What people call the service categories of a bill that grow unnoticed.
CATEGORIES: Final = {"egress": "Networking", "network": "Networking", "storage": "Storage", "compute": "Compute", "database": "Databases"}

_BUDGET: Final = Shape(shapes.TEXT, "The budget's name; every budget within the rule's scope without it.")
_WINDOW: Final = Shape(shapes.DURATION, "Over how long; 7d without it.")
_SCOPE: Final = Shape(shapes.SCOPE, "What to look at, within the rule's own scope.")
_LIMITS: Final[Shapes] = {
    "above": Shape(shapes.NUMBER, "It is more than this."),
    "below": Shape(shapes.NUMBER, "It is less than this."),
}
OF_BUDGET: Final[Shapes] = {"above": Shape(shapes.SHARE, "The share of the amount.", needed=True), "budget": _BUDGET}
BURN: Final[Shapes] = {
    "window": Shape(shapes.DURATION, "Over how long.", needed=True),
    "above": Shape(shapes.NUMBER, "How many times as fast as the budget allows.", needed=True),
}
BURN_RATE: Final[Shapes] = {
    "fast": Shape(shapes.table(BURN), "The short window: it still goes on.", needed=True),
    "slow": Shape(shapes.table(BURN), "The long window: it matters.", needed=True),
    "budget": _BUDGET,
}
ANOMALY: Final[Shapes] = {
    "severity": Shape(shapes.one_of(SEVERITIES), "This one or a higher one; any without it."),
    "grain": Shape(shapes.one_of(GRAINS), "Of days or of hours; both without it."),
}
UNIT_COST: Final[Shapes] = {
    **_LIMITS,
    "vs_baseline": Shape(shapes.CHANGE, "It is this much more or less than in the window before."),
    "window": _WINDOW,
    "scope": _SCOPE,
}
GAUGE: Final[Shapes] = {**_LIMITS, "window": Shape(shapes.DURATION, "Averaged over how long; 1h without it."), "scope": _SCOPE}
GROWTH: Final[Shapes] = {
    "service": Shape(shapes.TEXT, "The provider's service."),
    "category": Shape(shapes.TEXT, f"A service category of the bill, or one of {', '.join(CATEGORIES)}."),
    "scope": _SCOPE,
    "above": Shape(shapes.SHARE, "By how much it grew.", needed=True),
    "window": _WINDOW,
}
PROMQL: Final[Shapes] = {
    "query": Shape(shapes.TEXT, "The query.", needed=True),
    **_LIMITS,
    "url": Shape(shapes.WEB, "The server; the one of 'sources' without it."),
}
CONDITIONS: Final[Shapes] = {
    "budget": Shape(shapes.either(shapes.TEXT, shapes.table(OF_BUDGET)), "A share of a budget is spent: 90%, or 90% NAME."),
    "burn_rate": Shape(shapes.table(BURN_RATE), "A budget burns too fast, over a short and a long window."),
    "forecast": Shape(shapes.either(shapes.TEXT, shapes.table(OF_BUDGET)), "The forecast reaches a share of a budget: 100%, or 100% NAME."),
    "anomaly": Shape(shapes.either(shapes.one_of(SEVERITIES), shapes.table(ANOMALY)), "An anomaly begins."),
    **{
        figure: Shape(shapes.table(UNIT_COST), f"{figure.replace('_', ' ')} is over or under a limit, or its baseline.")
        for figure in FIGURES
    },
    **{gauge: Shape(shapes.table(GAUGE), f"{gauge.replace('_', ' ')} is over or under a limit.") for gauge in GAUGES},
    "growth": Shape(shapes.table(GROWTH), "What something costs grows."),
    "idle_gpu": Shape(shapes.DURATION, "A GPU did nothing for this long."),
    "oversized_model": Shape({"const": True}, "A cheaper model would do."),
    "promql": Shape(shapes.table(PROMQL), "A Prometheus query breaks a limit."),
}
JOINED: Final = ("all", "any")


def when_schema() -> shapes.Schema:
    """Return the schema of a `when`, which refers to itself."""
    several = {**shapes.list_of(shapes.defined("when")), "minItems": 1}
    joined = {"all": Shape(several, "Every one of them holds."), "any": Shape(several, "At least one of them holds.")}
    return shapes.table({**CONDITIONS, **joined}, single=True)


@dataclass(frozen=True)
class Known:
    """Names a condition may refer to; None where the file that has them cannot be read."""

    budgets: Collection[str] | None
    teams: Collection[str] | None = None


@dataclass(frozen=True)
class _Reading:
    """What reading a condition needs besides its node."""

    word: str
    known: Known
    problems: Problems

    def row(self, node: Node, shapes_known: Iterable[str]) -> Fields | None:
        return fields(node, tuple(shapes_known), self.problems, f"'{self.word}'")

    def budget(self, row: Fields) -> str | None:
        return self.checked(row.get("budget", as_text), row.raw("budget") or row.node)

    def checked(self, name: str | None, node: Node) -> str | None:
        """Return the name of a budget, or note that there is none of that name."""
        if name and self.known.budgets is not None and name.casefold() not in {each.casefold() for each in self.known.budgets}:
            self.problems.note(node.file, node.line, f"no budget is named {shown(name)}{nearest(name, self.known.budgets)}")
        return name


def when_of(node: Node, known: Known, problems: Problems) -> When | None:
    row = fields(node, (*CONDITIONS, *JOINED), problems, "'when'")
    if row is None:
        return None
    given = [name for name in (*CONDITIONS, *JOINED) if row.raw(name)]
    if len(given) != 1:
        said = (
            f"says both '{given[0]}' and '{given[1]}'; put them under 'all' or 'any'"
            if given
            else "needs a condition such as 'budget: 90%'"
        )
        row.wrong(f"'when' {said}")
        return None
    inner = row.raw(given[0])
    assert inner is not None  # it is one of those given
    if given[0] in JOINED:
        return _joined(given[0], inner, known, problems)
    return READERS[given[0]](inner, _Reading(given[0], known, problems))


def _joined(word: str, node: Node, known: Known, problems: Problems) -> When | None:
    if not isinstance(node.value, tuple) or not node.value:
        problems.note(node.file, node.line, f"'{word}' must be a list of conditions, each after '- '")
        return None
    read_in: tuple[When, ...] = found(when_of(item, known, problems) for item in node.value)
    if len(read_in) < len(node.value):
        return None
    return AllOf(read_in) if word == "all" else AnyOf(read_in)


def _share_of_budget(node: Node, reading: _Reading) -> tuple[Decimal, str | None] | None:
    """Read `90%`, `90% ml`, or the two in fields."""
    if isinstance(node.value, Table):
        row = Fields(node.value, node, OF_BUDGET, reading.problems, f"'{reading.word}'")
        above, budget = row.need("above", as_share), reading.budget(row)
        return None if above is None else (above, budget)
    share, sign, name = node.text.partition("%")
    above = read(Node(node.value, node.line, node.file, f"{share}{sign}"), as_share, f"'{reading.word}'", reading.problems)
    return None if above is None else (above, reading.checked(name.strip() or None, node))


def _budget(node: Node, reading: _Reading) -> Condition | None:
    pair = _share_of_budget(node, reading)
    return BudgetSpent(*pair) if pair else None


def _forecast(node: Node, reading: _Reading) -> Condition | None:
    pair = _share_of_budget(node, reading)
    return ForecastBreach(*pair) if pair else None


def _burn_rate(node: Node, reading: _Reading) -> Condition | None:
    row = reading.row(node, BURN_RATE)
    if row is None:
        return None
    budget = reading.budget(row)
    fast, slow = (_burn_window(row, name, reading.problems) for name in ("fast", "slow"))
    if fast is None or slow is None:
        return None
    if fast.window >= slow.window:
        row.wrong("the 'fast' window must be shorter than the 'slow' one", at="fast")
    return BurnRate(fast, slow, budget)


def _burn_window(row: Fields, name: str, problems: Problems) -> BurnWindow | None:
    node = row.raw(name)
    if node is None:
        row.wrong(f"'burn_rate' needs '{name}', such as {{window: 1h, above: 14}}")
        return None
    inner = fields(node, BURN, problems, f"'{name}'")
    window, above = (inner.need("window", as_duration), inner.need("above", as_amount)) if inner else (None, None)
    return None if window is None or above is None else BurnWindow(window, above)


def _anomaly(node: Node, reading: _Reading) -> Condition | None:
    if not isinstance(node.value, Table):
        word = read(node, one_of(SEVERITIES), "'anomaly'", reading.problems)
        return AnomalyFound(cast(AnomalySeverity, word)) if word else None
    row = Fields(node.value, node, ANOMALY, reading.problems, "'anomaly'")
    severity, grain = row.get("severity", one_of(SEVERITIES)), row.get("grain", one_of(GRAINS))
    return AnomalyFound(cast(AnomalySeverity, severity or "low"), cast(Grain | None, grain))


def _limits(row: Fields, word: str, others: tuple[str, ...] = ()) -> Limits | None:
    """Read `above` or `below`, of which exactly one is given, unless one of `others` is."""
    reader: Reader[Decimal] = as_share if word in SHARES else as_number
    choices = ("above", "below", *others)
    given = [name for name in choices if row.raw(name)]
    if len(given) != 1:
        both = f"takes '{given[0]}' or '{given[1]}', not both" if given else f"needs one of {', '.join(choices)}"
        row.wrong(f"'{word}' {both}")
        return None
    above, below = row.get("above", reader), row.get("below", reader)
    return None if above is None and below is None else Limits(above, below)


def _unit_cost(node: Node, reading: _Reading) -> Condition | None:
    row = reading.row(node, UNIT_COST)
    if row is None:
        return None
    limits, change = _limits(row, reading.word, ("vs_baseline",)), row.get("vs_baseline", as_change)
    window, scope = row.get("window", as_duration) or WEEK, scope_of(row.raw("scope"), reading.problems)
    if (limits is None) == (change is None):
        return None
    return UnitCost(cast(UnitFigure, reading.word), limits, change, window, scope)


def _gauge(node: Node, reading: _Reading) -> Condition | None:
    row = reading.row(node, GAUGE)
    if row is None:
        return None
    limits, window = _limits(row, reading.word), row.get("window", as_duration) or HOUR
    scope = scope_of(row.raw("scope"), reading.problems)
    return Gauge(cast(GaugeName, reading.word), limits, window, scope) if limits else None


def _growth(node: Node, reading: _Reading) -> Condition | None:
    row = reading.row(node, GROWTH)
    if row is None:
        return None
    service, category = row.get("service", as_text), row.get("category", as_text)
    above, window = row.need("above", as_share), row.get("window", as_duration) or WEEK
    scope = dict(scope_of(row.raw("scope"), reading.problems))
    if not (row.raw("service") or row.raw("category") or row.raw("scope")):
        row.wrong("'growth' needs 'service', 'category' or 'scope': of what?")
    if service:
        scope["service"] = (service,)
    if category:
        scope["service_category"] = (CATEGORIES.get(category.casefold(), category),)
    return Growth(tuple(sorted(scope.items())), above, window) if above is not None else None


def _idle_gpu(node: Node, reading: _Reading) -> Condition | None:
    length = read(node, as_duration, "'idle_gpu'", reading.problems)
    return IdleGpu(length) if length else None


def _oversized(node: Node, reading: _Reading) -> Condition | None:
    return OversizedModel() if read(node, _only_true, "'oversized_model'", reading.problems) else None


def _only_true(node: Node) -> bool:
    if not as_flag(node):
        raise WrongError("true; leave the rule out to watch for nothing")
    return True


def _promql(node: Node, reading: _Reading) -> Condition | None:
    row = reading.row(node, PROMQL)
    if row is None:
        return None
    query, limits, url = row.need("query", as_query), _limits(row, "promql"), row.get("url", as_web)
    return PromQL(query, limits, url) if query and limits else None


def as_query(node: Node) -> str:
    """Read a query, which may be long and have several lines."""
    text = " ".join(node.text.split())
    if not text or isinstance(node.value, tuple | Table) or len(text) > 2000:
        raise WrongError("a query of at most 2000 characters")
    return text


READERS: Final[Mapping[str, Callable[[Node, _Reading], Condition | None]]] = {
    "budget": _budget,
    "burn_rate": _burn_rate,
    "forecast": _forecast,
    "anomaly": _anomaly,
    **dict.fromkeys(FIGURES, _unit_cost),
    **dict.fromkeys(GAUGES, _gauge),
    "growth": _growth,
    "idle_gpu": _idle_gpu,
    "oversized_model": _oversized,
    "promql": _promql,
}
