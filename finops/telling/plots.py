"""What a chart of an answer shows, before anyone draws it: named layers over steps of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from finops.answers import Answer, Point, Sums
from finops.money import percent, show
from finops.periods import Grain
from finops.telling.day_words import MONTHS, WEEKDAYS, span
from finops.telling.names import clean, cut, dimension_words, distinct, label, others
from finops.telling.sentences import is_incomplete, reach, subject

NOTHING: Final = Decimal(0)
CURRENCY_SIGNS: Final = 12  # a code has three; anything longer is a mistake in a bill


@dataclass(frozen=True)
class Layer:
    """One group over all steps; `is_rest` gathers the groups without a layer of their own."""

    name: str
    values: tuple[Decimal, ...]
    total: Decimal
    is_rest: bool = False


@dataclass(frozen=True)
class Plot:
    """The layers of each step sum to its cost; a step whose cost is None has no data, and its layers hold zeros."""

    currency: str
    grain: Grain
    steps: tuple[date, ...]
    costs: tuple[Decimal | None, ...]
    complete: tuple[bool, ...]
    layers: tuple[Layer, ...]
    grouped: bool

    @property
    def missing(self) -> tuple[int, ...]:
        return tuple(n for n, cost in enumerate(self.costs) if cost is None)

    @property
    def partial(self) -> tuple[int, ...]:
        return tuple(n for n, cost in enumerate(self.costs) if cost is not None and not self.complete[n])


def plot(answer: Answer, sums: Sums, most: int) -> Plot:
    """Lay out the series of one currency with its `most` largest groups; what is left over becomes one last layer."""
    points = sums.series
    grouped = bool(answer.query.by and sums.rows) and (len(points) == 1 or any(point.parts for point in points))
    return Plot(
        currency=cut(clean(sums.currency), CURRENCY_SIGNS),
        grain=answer.query.grain,
        steps=tuple(point.start for point in points),
        costs=tuple(point.cost for point in points),
        complete=tuple(point.complete for point in points),
        layers=_layers(answer, sums, most) if grouped else _one_layer(points),
        grouped=grouped,
    )


def step_labels(steps: Sequence[date], grain: Grain) -> tuple[str, ...]:
    """Label each step: `13 Nov`, or `Nov`; the year stands with the first step of each year where there are several."""
    several = len({step.year for step in steps}) > 1
    seen: set[int] = set()
    labels = []
    for step in steps:
        year = f" {step.year}" if several and step.year not in seen else ""
        seen.add(step.year)
        labels.append(f"{MONTHS[step.month - 1]}{year}" if grain == "month" else f"{step.day} {MONTHS[step.month - 1]}{year}")
    return tuple(labels)


def weekday(step: date) -> str:
    return WEEKDAYS[step.weekday()]


def title(answer: Answer, most: int = 50) -> str:
    """Name the question in the few words a chart has room for."""
    split = f" by {' and '.join(map(dimension_words, answer.query.by))}" if answer.query.by else ""
    return cut(subject(answer.query), most - len(split)) + split if len(split) < most - 8 else cut(subject(answer.query), most)


def subtitle(answer: Answer, sums: Sums) -> str:
    """Total, metric and days, as shown below the title."""
    total = "nothing on record" if sums.total is None else show(sums.total, clean(sums.currency))
    part = f", {reach(answer, answer.query.period.end)}" if is_incomplete(answer) else ""
    return f"{total} {answer.query.metric} · {span(answer.query.period, None)}{part}"


def in_words(answer: Answer, sums: Sums, drawn: Plot, most: int = 2000) -> str:
    """Tell the picture to whoever cannot see it: what it shows, then its numbers."""
    total = "nothing on record" if sums.total is None else show(sums.total, drawn.currency)
    part = f", {reach(answer, answer.query.period.end)}" if is_incomplete(answer) else ""
    pieces = [
        f"{title(answer, 200)}: {total} ({answer.query.metric}), {span(answer.query.period, None)}{part}.",
        _listed(_group_words(sums, drawn)),
        _listed(_step_words(drawn)),
    ]
    return cut(" ".join(filter(None, pieces)), most)


def _layers(answer: Answer, sums: Sums, most: int) -> tuple[Layer, ...]:
    columns = [tuple(_part(point, n, sums) for point in sums.series) for n, _ in enumerate(sums.rows)]
    shown = [n for n, column in enumerate(columns) if any(column)][:most]
    names = distinct((label(sums.rows[n].key, answer.query.by) for n in shown), 80)
    own = [_layer(name, columns[n]) for name, n in zip(names, shown, strict=True)]
    rest = tuple((point.cost or NOTHING) - sum((columns[n][step] for n in shown), NOTHING) for step, point in enumerate(sums.series))
    if not any(rest):
        return tuple(own)
    hidden = sum(1 for row in sums.rows if row.cost) - len(shown) + sums.rest_groups
    return (*own, _layer(others(hidden) if hidden > 0 else "rest", rest, is_rest=True))


def _one_layer(points: Sequence[Point]) -> tuple[Layer, ...]:
    return (_layer("cost", tuple(point.cost or NOTHING for point in points)),)


def _layer(name: str, values: tuple[Decimal, ...], *, is_rest: bool = False) -> Layer:
    return Layer(name, values, sum(values, NOTHING), is_rest)


def _part(point: Point, n: int, sums: Sums) -> Decimal:
    """What group `n` cost in a step; where there is only one step, its row says so too."""
    if point.cost is None:
        return NOTHING
    if len(sums.series) == 1:
        return sums.rows[n].cost or NOTHING
    return point.parts[n] if n < len(point.parts) else NOTHING


def _group_words(sums: Sums, drawn: Plot) -> list[str]:
    if not drawn.grouped:
        return []
    return [f"{cut(layer.name, 60)} {show(layer.total, drawn.currency)}{_share(layer.total, sums.total)}" for layer in drawn.layers]


def _share(part: Decimal, whole: Decimal | None) -> str:
    return f" ({percent(float(part / whole))})" if whole else ""


def _step_words(drawn: Plot) -> list[str]:
    return [
        f"{name} {'no data' if cost is None else show(cost, drawn.currency)}{'' if cost is None or complete else ' (incomplete)'}"
        for name, cost, complete in zip(step_labels(drawn.steps, drawn.grain), drawn.costs, drawn.complete, strict=True)
    ]


def _listed(words: list[str]) -> str:
    return f"{'; '.join(words)}." if words else ""


def before_per_step(answer: Answer, sums: Sums) -> tuple[str, Decimal] | None:
    """The compared period's average per day, where a day is the step; None where it would compare unlike things."""
    compare = answer.query.compare
    if compare is None or sums.previous is None or answer.query.grain != "day" or len(sums.series) < 2:
        return None
    return span(compare, answer.query.period.end), sums.previous / compare.days
