"""Children that sum to their parent: the total is forecast directly, and the parts give way to it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from finops.insight.forecast import Forecast
from finops.insight.panel import Flags, Floats


def reconcile_children(parent: Forecast, children: Sequence[Forecast]) -> tuple[Forecast, ...]:
    """Return the children moved so that their open days and their totals sum to the parent's, the uncertain ones most.

    What is missing is shared out by the squares of the 80 % bands; what is too much is taken from what each child expects beyond what it
    already holds, so that none falls below that. Together the children must be all of the parent: give what has no owner as one more.
    """
    known = [child for child in children if child.total is not None]
    if parent.total is None or not known:
        return tuple(children)
    days = sorted({day.date for forecast in (parent, *known) for day in forecast.daily})
    costs, floors, movable = _table(known, days)
    shares = uncertainty(known)
    place = {day: number for number, day in enumerate(days)}
    for day in parent.daily:
        column = place[day.date]
        if movable[:, column].any():
            fixed = costs[~movable[:, column], column].sum()
            costs[:, column] = moved(costs[:, column], floors[:, column], shares, movable[:, column], day.cost - fixed)
    costs = _rest(costs, floors, shares, movable, parent)
    answers = iter(_with_days(child, days, row) for child, row in zip(known, costs, strict=True))
    return tuple(child if child.total is None else next(answers) for child in children)


def moved(costs: Floats, floors: Floats, shares: Floats, movable: Flags, target: float) -> Floats:
    """Return the costs of one day with the movable ones summing to the target, as far as their floors allow."""
    missing = target - costs[movable].sum()
    weights = np.where(movable, shares if missing > 0 else np.maximum(costs - floors, 0.0), 0.0)
    if missing > 0 and not weights.sum():
        weights = movable.astype(np.float64)
    whole = weights.sum()
    change = max(missing, -whole) if missing < 0 else missing
    return np.asarray(costs + (change * weights / whole if whole else 0.0))


def uncertainty(children: Sequence[Forecast]) -> Floats:
    """Return the square of each child's 80 % band: how readily it gives way."""
    return np.array([((child.high80 or 0.0) - (child.low80 or 0.0)) ** 2 for child in children])


def _table(children: Sequence[Forecast], days: list[date]) -> tuple[Floats, Floats, Flags]:
    """Return cost, floor and openness of each child's days; a day a child does not tell cost nothing and stays so."""
    place = {day: number for number, day in enumerate(days)}
    costs, floors = np.zeros((len(children), len(days))), np.zeros((len(children), len(days)))
    movable = np.zeros(costs.shape, dtype=np.bool_)
    for row, child in enumerate(children):
        for day in child.daily:
            column = place[day.date]
            costs[row, column], movable[row, column] = day.cost, not day.complete
            floors[row, column] = day.held if day.held > 0 else min(0.0, day.cost)
    return costs, floors, movable


def _rest(costs: Floats, floors: Floats, shares: Floats, movable: Flags, parent: Forecast) -> Floats:
    """Spread what still parts the totals (days complete for one and open for the other) over all open days."""
    total = parent.total or 0.0
    flat = moved(
        costs.ravel(), floors.ravel(), np.repeat(shares / np.maximum(movable.sum(axis=1), 1), costs.shape[1]), movable.ravel(),
        total - costs[~movable].sum(),
    )  # fmt: skip
    if abs(flat.sum() - total) > 1e-6 * max(1.0, abs(total)):
        raise ValueError(
            f"the children come to {flat.sum():.2f} and their parent to {total:.2f}, and no open day can bridge it; "
            "give what belongs to no child as one more child"
        )
    return flat.reshape(costs.shape)


def _with_days(child: Forecast, days: list[date], costs: Floats) -> Forecast:
    """Return the child with its open days as moved, its bands moved along and never below what it already holds."""
    new = dict(zip(days, costs.tolist(), strict=True))
    daily = tuple(
        day
        if day.complete
        else day._replace(cost=new[day.date], low80=min(day.low80, new[day.date]), high80=max(day.high80, new[day.date]))
        for day in child.daily
    )
    change = float(sum(after.cost - before.cost for after, before in zip(daily, child.daily, strict=True)))
    total = (child.total or 0.0) + change
    sure = min(child.low95 or 0.0, child.month_to_date or 0.0) if (child.month_to_date or 0.0) >= 0 else -np.inf
    edges = [max(float(sure), (edge or 0.0) + change) for edge in (child.low95, child.low80, child.high80, child.high95)]
    low95, low80, high80, high95 = min(edges[0], total), min(edges[1], total), max(edges[2], total), max(edges[3], total)
    return replace(child, total=total, low80=low80, high80=high80, low95=low95, high95=high95, daily=daily)
