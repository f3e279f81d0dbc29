"""Keeps what was predicted, once a scope, period and day, and closes it with what came: accuracy is then a fact one can look up."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, insert, or_, select, update

from finops.configuration.rulebook_sections import Scope
from finops.insight.forecast import Forecast
from finops.ledger.loads import record
from finops.ledger.state import writing
from finops.ledger.tables_forecasts import forecasts as rows
from finops.periods import DAY, Period, Unit, add_months, unit_of

ACTOR: Final = "forecast-month"
RESTATED: Final = timedelta(days=45)  # bills of a month change for some weeks after its end
DIGITS: Final = Decimal("0.0001")
BANDS: Final = ((1, 5), (6, 10), (11, 15), (16, 20), (21, 25), (26, 31), (32, 61), (62, 92))  # days left
LENGTHS: Final[tuple[Unit, ...]] = ("month", "quarter", "week", "day")  # in the order they are told
AT_ONCE: Final = 500  # scopes closed in one transaction: nobody else may write meanwhile


@dataclass(frozen=True)
class Said:
    """What a scope was predicted to cost; `run_rate` is what most tools would have said."""

    scope: Scope
    forecast: Forecast
    run_rate: float | None
    complete_until: date


@dataclass(frozen=True)
class Open:
    """A forecast whose period is over: by which scope and currency its actual cost can be looked up."""

    scope: Scope
    period: Period
    currency: str


@dataclass(frozen=True)
class Accuracy:
    """How forecasts made some days before the end of their periods did, as shares of what came; None where nothing can be said.

    Periods of one length `of` only: with three days left most of a month has come, and not yet half of a week. Positive bias is too
    high. `held80` and `held95` are the shares of totals the intervals held.
    """

    days_left: tuple[int, int]
    forecasts: int
    periods: int
    wape: float | None
    bias: float | None
    held80: float
    held95: float
    run_rate_wape: float | None
    of: Unit = "month"


def money(value: float) -> Decimal:
    """Return a predicted amount as a decimal of four places: more would only look exact."""
    return Decimal(str(value)).quantize(DIGITS)


def name_of(scope: Scope) -> str:
    return json.dumps([[name, list(values)] for name, values in scope], ensure_ascii=False, separators=(",", ":"))


def scope_named(text: str) -> Scope:
    return tuple((name, tuple(values)) for name, values in json.loads(text))


def keep(engine: Engine, said: Iterable[Said], day: date, now: datetime) -> int:
    """Keep what was predicted on a day; what that day said already stays as it was. Returns how many are new."""
    told = [one for one in said if one.forecast.total is not None]
    with writing(engine) as tx:
        known = {tuple(row) for row in tx.execute(select(rows.c.scope, rows.c.first, rows.c.until).where(rows.c.day == day))}
        new = {_key(one): one for one in told if _key(one) not in known}
        if new:
            tx.execute(insert(rows), [_values(one, day, now) for one in new.values()])
            record(tx, now, ACTOR, "forecasts.made", day.isoformat(), {"forecasts": len(new)})
        return len(new)


def _key(one: Said) -> tuple[str, date, date]:
    return name_of(one.scope), one.forecast.period.start, one.forecast.period.end


def _values(one: Said, day: date, now: datetime) -> dict[str, Any]:
    found, period = one.forecast, one.forecast.period
    edges = {name: money(getattr(found, name)) for name in ("total", "low80", "high80", "low95", "high95")}
    return {
        "scope": name_of(one.scope),
        "first": period.start,
        "until": period.end,
        "day": day,
        "made_at": now,
        "complete_until": one.complete_until,
        "days_left": (period.end - day).days,
        "currency": found.currency,
        **edges,
        "run_rate": None if one.run_rate is None else money(one.run_rate),
        "label": found.label,
    }


def to_close(engine: Engine, today: date) -> list[Open]:
    """Return what is over and not closed, or closed so lately that its bill may still be restated."""
    which = rows.c.until <= today, or_(rows.c.closed_at.is_(None), rows.c.until > today - RESTATED)
    with engine.connect() as connection:
        found = connection.execute(select(rows.c.scope, rows.c.first, rows.c.until, rows.c.currency).where(*which).distinct()).all()
    return [Open(scope_named(row.scope), Period(row.first, row.until), row.currency) for row in found]


def close(engine: Engine, came: Mapping[Open, Decimal], now: datetime) -> tuple[int, int]:
    """Write what came beside what was predicted; returns how many scopes were closed, and how many restated."""
    every = list(came.items())
    done = [_closed(engine, dict(every[first : first + AT_ONCE]), now) for first in range(0, len(every), AT_ONCE)]
    return sum(closed for closed, _ in done), sum(restated for _, restated in done)


def _closed(engine: Engine, came: Mapping[Open, Decimal], now: datetime) -> tuple[int, int]:
    """The first to find a figure writes it, and it is written anew only where it is another one."""
    with writing(engine) as tx:
        before = _before(tx, {one.period for one in came})
        moved = {one: cost for one, each in came.items() if (cost := each.quantize(DIGITS)) != before.get(one, cost)}
        if not moved:
            return 0, 0
        tx.execute(_SET, [_place(one) | {"to": cost, "at": now} for one, cost in moved.items()])
        restated = sum(before[one] is not None for one in moved)
        periods = sorted({f"{one.period.start}..{one.period.end - DAY}" for one in moved})
        detail = {"closed": len(moved) - restated, "restated": restated}
        record(tx, now, ACTOR, "forecasts.closed", ", ".join(periods)[:200], detail)
        return detail["closed"], restated


def _before(tx: Connection, periods: Iterable[Period]) -> dict[Open, Decimal | None]:
    """What is written already; None where nothing is."""
    found: dict[Open, Decimal | None] = {}
    for period in periods:
        here = rows.c.first == period.start, rows.c.until == period.end
        for row in tx.execute(select(rows.c.scope, rows.c.currency, rows.c.actual).where(*here).distinct()):
            one = Open(scope_named(row.scope), period, row.currency)
            found[one] = None if row.actual is None else found.get(one, row.actual)
    return found


def _place(one: Open) -> dict[str, Any]:
    return {"of": name_of(one.scope), "start": one.period.start, "end": one.period.end, "in": one.currency}


_SET: Final = (
    update(rows)
    .where(
        rows.c.scope == bindparam("of"),
        rows.c.first == bindparam("start"),
        rows.c.until == bindparam("end"),
        rows.c.currency == bindparam("in"),
    )
    .values(actual=bindparam("to"), closed_at=bindparam("at"))
)


def accuracy(source: Connection | Engine, currency: str, scope: Scope | None = None, since: date | None = None) -> list[Accuracy]:
    """Return how the closed forecasts of a scope (None: of all together) did, months first, the longest look ahead first."""
    if isinstance(source, Engine):
        with source.connect() as connection:
            return accuracy(connection, currency, scope, since)
    which = [rows.c.closed_at.is_not(None), rows.c.currency == currency]
    which += [] if scope is None else [rows.c.scope == name_of(scope)]
    which += [] if since is None else [rows.c.until >= since]
    alike: dict[tuple[Unit, tuple[int, int]], list[Any]] = {}
    for row in source.execute(select(rows).where(*which)):
        for band in (each for each in BANDS if each[0] <= row.days_left <= each[1]):
            alike.setdefault((length_of(Period(row.first, row.until)), band), []).append(row)
    places = [(unit, band) for unit in LENGTHS for band in reversed(BANDS)]
    return [_accuracy(unit, band, alike[unit, band]) for unit, band in places if (unit, band) in alike]


def length_of(period: Period) -> Unit:
    """Return whether it is a day, a week, a month or a quarter: by its length, since nothing else is kept."""
    return next((unit for unit in LENGTHS if unit_of(period.start, unit) == period), "month")


def _accuracy(of: Unit, band: tuple[int, int], found: Sequence[Any]) -> Accuracy:
    rated = [row for row in found if row.run_rate is not None]
    return Accuracy(
        band,
        len(found),
        len({(row.first, row.until) for row in found}),
        _share(found, lambda row: abs(row.total - row.actual)),
        _share(found, lambda row: row.total - row.actual),
        sum(row.low80 <= row.actual <= row.high80 for row in found) / len(found),
        sum(row.low95 <= row.actual <= row.high95 for row in found) / len(found),
        _share(rated, lambda row: abs(row.run_rate - row.actual)),
        of,
    )


def _share(found: Sequence[Any], off: Callable[[Any], Decimal]) -> float | None:
    whole = sum((abs(row.actual) for row in found), Decimal(0))
    return float(sum((off(row) for row in found), Decimal(0)) / whole) if whole else None


def open_periods(engine: Engine, scope: Scope | None = None) -> int:
    """Return how many periods were predicted and have not closed yet."""
    which = [rows.c.closed_at.is_(None), *([rows.c.scope == name_of(scope)] if scope is not None else [])]
    with engine.connect() as connection:
        return len(connection.execute(select(rows.c.first, rows.c.until).where(*which).distinct()).all())


def known_scopes(engine: Engine) -> list[Scope]:
    with engine.connect() as connection:
        return [scope_named(text) for text in connection.execute(select(rows.c.scope).distinct().order_by(rows.c.scope)).scalars()]


def errors_of_closed(source: Connection, newest: date) -> Iterator[tuple[str, str, float]]:
    """Yield for monitoring how forecasts of all charges did in the last three closed months: figure, days left, share."""
    currency = source.execute(
        select(rows.c.currency).where(rows.c.scope == name_of(()), rows.c.closed_at.is_not(None)).order_by(rows.c.until.desc()).limit(1)
    ).scalar()
    found = accuracy(source, currency, (), add_months(newest.replace(day=1), -3)) if currency else []
    for one in (each for each in found if each.of == "month"):
        figures = {"error": one.wape, "run_rate_error": one.run_rate_wape, "held80": one.held80}
        yield from ((name, f"{one.days_left[0]}-{one.days_left[1]}", value) for name, value in figures.items() if value is not None)
