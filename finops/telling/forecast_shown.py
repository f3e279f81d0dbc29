"""A forecast as a table, a picture and a document for scripts."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from finops.insight.forecast import Backtest, Forecast
from finops.insight.prediction import Allowance, Prediction
from finops.query import NONE
from finops.telling.answer_json import amount, moment
from finops.telling.day_words import calendar_name, day_name, span
from finops.telling.drawings import Course
from finops.telling.forecast_words import about, during, freshness, sentence
from finops.telling.grids import UNKNOWN, Cell, Grid, money_cell, name_cell
from finops.telling.names import clean, label, others

HEAD: Final = ("so far", "forecast", "80 % between", "95 % between")
ALL: Final = "all"
DIGITS: Final = Decimal("0.0001")
RANGES: Final = (("low80", "high80"), ("low95", "high95"))
EDGES: Final = tuple(edge for edges in RANGES for edge in edges)


def money(value: float | None) -> Decimal | None:
    """Return a predicted amount as a decimal of four places."""
    return None if value is None else Decimal(str(value)).quantize(DIGITS)


def grid(found: Prediction, who: str, top: int) -> Grid:
    """A row for each of the costliest parts, one for the others, one for all."""
    whole = found.whole
    parts = sorted(found.parts, key=lambda part: -(part.total or 0.0))
    rows = [(name_cell(part_name(part, found)), *_cells(part)) for part in parts[:top]]
    rows += [(Cell(others(len(parts) - top)), *_together(parts[top:]))] if parts[top:] else []
    caption = f"Forecast, {calendar_name(whole.period, found.today) or span(whole.period, found.today)}"
    head = (" / ".join(found.by) or "scope", *HEAD)
    table = Grid(caption, head, (*rows, (name_cell(ALL if rows else who), *_cells(whole))))
    return table if whole.month_to_date else _without_so_far(table)


def _without_so_far(table: Grid) -> Grid:
    """A period that has not begun holds nothing yet."""
    return Grid(table.caption, (table.head[0], *table.head[2:]), tuple((row[0], *row[2:]) for row in table.rows))


def part_name(part: Forecast, found: Prediction) -> str:
    """Name a part by its values in the order asked for."""
    values = dict(part.key)
    if not set(found.by) <= set(values):
        return others(found.left_out)
    return label([None if values[name] == NONE else values[name] for name in found.by], found.by)


def _cells(one: Forecast) -> tuple[Cell, ...]:
    currency = clean(one.currency)
    return (_money(one.month_to_date, currency), _money(one.total, currency), *(_range(one, currency, *edges) for edges in RANGES))


def _together(rest: Sequence[Forecast]) -> tuple[Cell, ...]:
    """Sums; ranges cannot be added up."""
    currency = clean(rest[0].currency)
    so_far, total = (sum(getattr(part, name) or 0.0 for part in rest) for name in ("month_to_date", "total"))
    return (_money(so_far, currency), _money(total, currency), *(Cell(UNKNOWN) for _ in RANGES))


def _money(value: float | None, currency: str) -> Cell:
    return money_cell(None if value is None else Decimal(str(round(value, 2))), currency)


def _range(one: Forecast, currency: str, low: str, high: str) -> Cell:
    ends = getattr(one, low), getattr(one, high)
    return Cell(UNKNOWN if None in ends else " – ".join(about(end, currency) for end in ends))


def course(found: Prediction, who: str, allowed: Allowance | None) -> Course | None:
    """Draw each day: what it cost, what it will, how sure that is, and what the budget allows a day."""
    whole = found.whole
    if whole.total is None or not whole.daily:
        return None
    before = list(found.lately) if whole.period.start == found.today else []  # a picture has no room for days between
    days, lead = whole.daily, [None] * len(before)
    actual = [cost for _, cost in before] + [day.cost if day.complete else day.held or None for day in days]
    low, high = ([None if day.complete else getattr(day, edge) for day in days] for edge in ("low80", "high80"))
    currency = clean(whole.currency)
    daily = allowed.amount / whole.period.days if allowed else 0.0
    partial = {n for n, day in enumerate(days, len(before)) if not day.complete and day.held}
    partial |= {n for n, (day, _) in enumerate(before) if found.complete_until and day >= found.complete_until}
    return Course(
        title=f"{clean(who)}: about {about(whole.total, currency)} {during(whole.period, found.today).partition(', ')[0]}",
        subtitle=_subtitle(found, allowed),
        footer=freshness(found),
        currency=currency,
        steps=[*(day for day, _ in before), *(day.date for day in days)],
        actual=actual,
        expected=[*lead, *(None if day.complete else day.cost for day in days)],
        inner=([*lead, *low], [*lead, *high]),
        partial=frozenset(partial),
        level=(daily, f"budget, {about(daily, currency)} a day") if allowed else None,
        names=("actual", "forecast"),
        alt_text=sentence(found, who, allowed),
    )


def _subtitle(found: Prediction, allowed: Allowance | None) -> str:
    whole, currency = found.whole, clean(found.whole.currency)
    sure = f"80 % between {about(whole.low80 or 0.0, currency)} and {about(whole.high80 or 0.0, currency)}"
    if allowed is None:
        return sure
    spent = f", reached on {day_name(allowed.breach_date, found.today)}" if allowed.breach_date else ""
    return f"{sure} · budget {about(allowed.amount, currency)}{spent}"


def document(found: Prediction, scope: str, allowed: Allowance | None, notes: Sequence[str]) -> dict[str, Any]:
    """Return what scripts get; rows add up to the total exactly."""
    whole = found.whole
    return {
        "scope": scope,
        "period": {"start": whole.period.start.isoformat(), "end": whole.period.end.isoformat()},
        "currency": whole.currency,
        **_figures(whole),
        "method": whole.method,
        "label": whole.label,
        "weights": dict(whole.weights),
        "run_rate": amount(money(found.run_rates[0])),
        "daily": [_day(day) for day in whole.daily],
        "budget": _allowed(allowed),
        "backtest": _tested(whole.backtest),
        "by": list(found.by),
        "rows": _rows(found),
        "as_of": None if found.as_of is None else moment(found.as_of),
        "complete_until": None if found.complete_until is None else found.complete_until.isoformat(),
        "known_since": None if found.known_since is None else found.known_since.isoformat(),
        "notes": list(notes),
    }


def _figures(one: Forecast) -> dict[str, Any]:
    return {name: amount(money(getattr(one, name))) for name in ("month_to_date", "total", *EDGES)}


def _day(day: Any) -> dict[str, Any]:
    costs = {name: amount(money(getattr(day, name))) for name in ("cost", "low80", "high80")}
    return {"date": day.date.isoformat(), **costs, "complete": day.complete}


def _allowed(allowed: Allowance | None) -> dict[str, Any] | None:
    if allowed is None:
        return None
    breach = allowed.breach_date.isoformat() if allowed.breach_date else None
    return {"name": allowed.name, "amount": amount(money(allowed.amount)), "on_track": allowed.on_track, "breach_date": breach}


def _tested(test: Backtest) -> dict[str, Any]:
    shares = ("wape", "mape_total", "bias", "coverage80", "coverage95", "skill_vs_run_rate", "skill_vs_seasonal_naive")
    return {"origins": test.origins, "horizon": test.horizon, **{name: getattr(test, name) for name in shares}}


def _rows(found: Prediction) -> list[dict[str, Any]]:
    """The costliest part takes what rounding leaves over."""
    parts = sorted(found.parts, key=lambda part: -(part.total or 0.0))
    totals = [money(part.total) for part in parts]
    known, whole = [each for each in totals if each is not None], money(found.whole.total)
    if known and whole is not None and totals[0] is not None:
        totals[0] += whole - sum(known, Decimal(0))
    return [
        {"key": dict(part.key), **_figures(part), "total": amount(total), "label": part.label}
        for part, total in zip(parts, totals, strict=True)
    ]
