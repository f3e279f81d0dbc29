"""Anomalies in words, in a table, as a chart and for scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from finops.insight.anomalies_events import Anomaly, Kind
from finops.insight.anomalies_nesting import kind_of
from finops.insight.anomalies_replaced import replaced
from finops.insight.anomalies_shown import Around
from finops.insight.anomalies_states import State
from finops.insight.drivers_told import Driver
from finops.insight.panel import Key
from finops.money import percent, show, signed
from finops.periods import Period
from finops.telling.answer_json import amount, moment
from finops.telling.day_words import day_name, span
from finops.telling.drawings import Course, Mark
from finops.telling.grids import Cell, Grid, change_cell, money_cell, name_cell, share_cell
from finops.telling.names import clean

HEAD: Final = ("anomaly", "what", "excess", "%", "when", "kind", "severity", "state", "expected")
SIGNS: Final = {"high": "🔴", "medium": "🟠", "low": "🔵"}
KINDS: Final[Mapping[Kind, str]] = {
    "spike": "a spike",
    "shift": "a shift to a new level",
    "drift": "a slow drift upwards",
    "drop": "a drop",
    "new": "spend where there was none",
}
CENT: Final = Decimal("0.01")
EXACT: Final = Decimal("0.000001")
PARTS: Final = 3


@dataclass(frozen=True)
class Told:
    """An anomaly as it is told: with where it stands, what drives it, and which others are the same cause."""

    anomaly: Anomaly
    state: State = "open"
    drivers: tuple[Driver, ...] = ()
    also: tuple[Anomaly, ...] = ()
    by: str = ""
    reason: str = ""
    until: date | None = None
    said: str = ""  # what was said of the like before


def scope_words(key: Key) -> str:
    """Write a key as it is typed in a question; the total is `everything`."""
    return " ".join(f"{clean(name)}={clean(value)}" for name, value in key) or "everything"


def money(value: float) -> Decimal:
    return Decimal(str(round(value, 6)))


def sentence(anomaly: Anomaly, today: date, drivers: Sequence[Driver] = (), also: Sequence[Anomaly] = ()) -> str:
    """Say what happened in one sentence with its figures, what drives it where something stands out, and what it replaced."""
    currency = anomaly.currency
    side = "more" if anomaly.excess > 0 else "less"
    figures = f"{show(money(anomaly.actual), currency)} instead of {show(money(max(0.0, anomaly.expected)), currency)}"
    share = f", {percent(anomaly.share, signed=True)}" if anomaly.expected > 0 else ""
    head = f"{scope_words(anomaly.key)} cost {show(money(abs(anomaly.excess)), currency)} {side} than expected {when(anomaly, today)}"
    return f"{head} ({figures}{share}): {KINDS[anomaly.kind]}{_mostly(anomaly, drivers)}{instead(anomaly, also)}."


def instead(anomaly: Anomaly, also: Sequence[Anomaly]) -> str:
    """Say, at the end of its sentence, which other thing one of the same cause took over from, or was taken over by."""
    other = replaced(anomaly, also)
    if other is None:
        return ""
    change = signed(money(other.excess), other.currency)
    return f"; it took over from {_own_name(other)} ({change})" if anomaly.excess > 0 else f"; {_own_name(other)} took over ({change})"


def _own_name(anomaly: Anomaly) -> str:
    """Return what tells a thing from others of its kind: the model, not its team."""
    return scope_words(tuple(pair for pair in anomaly.key if pair[0] == kind_of(anomaly.key)))


def _mostly(anomaly: Anomaly, drivers: Sequence[Driver]) -> str:
    known = dict(anomaly.key)
    driver = next(
        (one for one in drivers if float(one.excess) * anomaly.excess > 0 and any(known.get(name) != value for name, value in one.key)),
        None,
    )
    return f", mostly {clean(driver.text)}" if driver else ""


def when(anomaly: Anomaly, today: date) -> str:
    """Say when: on a day, over some days, or since a day where it goes on."""
    if isinstance(anomaly.start, datetime) and isinstance(anomaly.end, datetime):
        start, end = anomaly.start, anomaly.end
        if anomaly.status != "ended":
            return f"since {start:%H:%M}Z on {day_name(start.date(), today)}"
        until = f"{end:%H:%M}Z" if end.date() == start.date() else f"{end:%H:%M}Z on {day_name(end.date(), today)}"
        return f"from {start:%H:%M}Z on {day_name(start.date(), today)} to {until}"
    if anomaly.status != "ended" and (anomaly.end - anomaly.start).days > 1:
        return f"since {day_name(anomaly.start, today)}"
    last = anomaly.end - timedelta(days=1)
    return f"on {day_name(last, today)}" if last == anomaly.start else f"from {day_name(anomaly.start, today)} to {day_name(last, today)}"


def headline(found: Sequence[Told], period: Period, today: date, checked: int) -> str:
    """Say how many there are and what the largest is; or that there is none, in how many series."""
    where = f"in {checked:,} series, {span(period, today)}"
    if not found:
        return (
            f"Nothing is out of the ordinary {where}."
            if checked
            else "Nothing is known of these days, so nothing can be out of the ordinary."
        )
    return f"{_many(found)} {where}. The largest: {sentence(found[0].anomaly, today, found[0].drivers, found[0].also)}"


def _many(found: Sequence[Told]) -> str:
    """Count what is worth a look apart from what is small beside what its series usually costs."""
    many = "1 anomaly" if len(found) == 1 else f"{len(found)} anomalies"
    counts = [(name, sum(one.anomaly.severity == name for one in found)) for name in SIGNS]
    parts = [f"{count} {name}" for name, count in counts if count]
    return f"{many} ({', '.join(parts)})" if len(parts) > 1 else many


def standing(told: Told) -> str:
    """Say where it stands, by whose word and why."""
    by = (
        f" by {clean(told.by)}"
        if told.by and told.by != "spot-anomalies" and told.state in ("acknowledged", "expected", "resolved")
        else ""
    )
    until = f" until {told.until - timedelta(days=1)}" if told.until and told.state == "expected" else ""
    reason = f": {clean(told.reason)}" if told.reason else ""
    return f"{told.state}{until}{by}{reason}"


def grid(found: Sequence[Told], today: date) -> Grid:
    return Grid("What was not as usual", HEAD, tuple(_row(one, today) for one in found))


def _row(told: Told, today: date) -> tuple[Cell, ...]:
    one = told.anomaly
    return (
        Cell(one.id),
        name_cell(scope_words(one.key), 60),
        change_cell(money(one.excess).quantize(CENT), one.currency),
        share_cell(one.share if one.expected > 0 else None, with_sign=True),
        Cell(when(one, today)),
        Cell(f"{one.kind}{_instead_of(told)}"),
        Cell(f"{SIGNS[one.severity]} {one.severity}"),
        Cell(told.state),
        money_cell(money(one.expected).quantize(CENT), one.currency),
    )


def _instead_of(told: Told) -> str:
    other = replaced(told.anomaly, told.also)
    if other is None:
        return ""
    return f", replaces {_own_name(other)}" if told.anomaly.excess > 0 else f", replaced by {_own_name(other)}"


def gravest(found: Sequence[Told], most: int) -> list[Told]:
    """Return so many to show, the gravest of them and among these the largest, in the order they came."""
    order = list(SIGNS)
    kept = sorted(range(len(found)), key=lambda place: (order.index(found[place].anomaly.severity), place))[:most]
    return [found[place] for place in sorted(kept)]


def lines(told: Told, today: date) -> tuple[str, ...]:
    """Tell one in full."""
    one = told.anomaly
    drivers = [f"{signed(driver.excess, one.currency)}  {clean(driver.text)}" for driver in told.drivers]
    also = [f"{scope_words(each.key)} ({signed(money(each.excess), one.currency)})" for each in told.also[:PARTS]]
    more = f" and {len(told.also) - PARTS} more" if len(told.also) > PARTS else ""
    return (
        sentence(one, today, told.drivers, told.also),
        f"Severity {one.severity}, found on {_found_on(one)}; it is {standing(told)}.",
        *(["What drives it:", *drivers] if drivers else []),
        *([f"The same cause is seen in {', '.join(also)}{more}."] if also else []),
        *([told.said] if told.said else []),
    )


def _found_on(one: Anomaly) -> str:
    return f"{one.detected_on:%Y-%m-%d %H:%M}Z" if isinstance(one.detected_on, datetime) else str(one.detected_on)


def document(told: Told) -> dict[str, Any]:
    """Return one for scripts."""
    one = told.anomaly
    return {
        "id": one.id,
        "scope": _scope(one.key),
        "start": _iso(one.start),
        "end": _iso(one.end),
        "grain": one.step,
        "kind": one.kind,
        "expected": amount(money(one.expected)),
        "actual": amount(money(one.actual)),
        "excess": amount(money(one.excess)),
        "currency": one.currency,
        "severity": one.severity,
        "status": one.status,
        "state": told.state,
        "reason": told.reason or None,
        "by": told.by or None,
        "until": told.until.isoformat() if told.until else None,
        "detected_on": _iso(one.detected_on),
        "drivers": [{"key": dict(driver.key), "excess": amount(driver.excess), "share": _share(driver, one)} for driver in told.drivers],
        "also": [{"id": each.id, "scope": _scope(each.key), "excess": amount(money(each.excess))} for each in told.also],
    }


def _share(driver: Driver, one: Anomaly) -> float | None:
    if driver.share is not None:
        return round(driver.share, 6)
    return round(float(driver.excess) / one.excess, 6) if one.excess else None


def _scope(key: Key) -> dict[str, list[str]]:
    return {name: [value] for name, value in key}


def _iso(instant: date) -> str | None:
    return moment(instant) if isinstance(instant, datetime) else instant.isoformat()


def drawing(told: Told, seen: Around, today: date, footer: str = "") -> Course:
    """Return the course of an anomaly, its steps marked."""
    one = told.anomaly
    return Course(
        title=f"{scope_words(one.key)}: {signed(money(one.excess), one.currency)} {when(one, today)}",
        subtitle=f"{KINDS[one.kind][:1].upper()}{KINDS[one.kind][1:]}, severity {one.severity}, {told.state}",
        footer=footer,
        currency=one.currency,
        steps=seen.steps,
        actual=seen.actual,
        expected=seen.expected,
        partial=seen.partial,
        marks=(Mark(seen.first, seen.last, one.kind),),
        alt_text=sentence(one, today, told.drivers, told.also),
    )
