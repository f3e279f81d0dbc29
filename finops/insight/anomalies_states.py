"""The life of an anomaly as one table: from which state, by what happens, to which state."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

from finops.errors import UserError
from finops.insight.anomalies_events import Anomaly

State = Literal["open", "growing", "acknowledged", "expected", "resolved"]
Happening = Literal["same", "grew", "acknowledge", "expect", "end", "return"]
GREW: Final = 1.5  # times the excess that was last told: worth telling again

NEXT: Final[Mapping[tuple[State, Happening], State]] = {
    ("open", "same"): "open",
    ("open", "grew"): "growing",
    ("open", "acknowledge"): "acknowledged",
    ("open", "expect"): "expected",
    ("open", "end"): "resolved",
    ("growing", "same"): "growing",
    ("growing", "grew"): "growing",
    ("growing", "acknowledge"): "acknowledged",
    ("growing", "expect"): "expected",
    ("growing", "end"): "resolved",
    ("acknowledged", "same"): "acknowledged",
    ("acknowledged", "grew"): "growing",  # who knew of less should know of more
    ("acknowledged", "expect"): "expected",
    ("acknowledged", "end"): "resolved",
    ("expected", "same"): "expected",
    ("expected", "grew"): "growing",  # more than was expected
    ("expected", "end"): "resolved",
    ("resolved", "return"): "open",
}
LIVE: Final[frozenset[State]] = frozenset({"open", "growing", "acknowledged", "expected"})


@dataclass(frozen=True)
class Case:
    """An anomaly with what became of it; `told` is the excess people last heard of, `since` the day of the last change."""

    anomaly: Anomaly
    state: State
    since: date
    told: float
    by: str = ""
    reason: str = ""

    @property
    def live(self) -> bool:
        return self.state in LIVE


def opened(anomaly: Anomaly, on: date) -> Case:
    """Return the case of an anomaly that nobody has seen before."""
    return Case(anomaly, "open", on, anomaly.excess)


def happening(case: Case, seen: Anomaly | None) -> Happening | None:
    """Say what a new scan means for a case; None for a resolved one that stays so. `seen` is None when the scan no longer finds it."""
    over = seen is None or seen.status == "ended"
    if not case.live:
        return None if over else "return"
    if over:
        return "end"
    assert seen is not None
    return "grew" if _grew(case, seen) else "same"


def scanned(case: Case, seen: Anomaly | None, on: date) -> Case:
    """Return the case after a new scan; the very same one where that changes nothing."""
    what = happening(case, seen)
    return case if what is None else advance(case, what, on, seen=seen)


def advance(case: Case, what: Happening, on: date, *, seen: Anomaly | None = None, by: str = "", reason: str = "") -> Case:
    """Return the case after something happened to it; raises UserError where that cannot happen to it now."""
    after = NEXT.get((case.state, what))
    if after is None:
        can = ", ".join(sorted(happens for state, happens in NEXT if state == case.state))
        raise UserError(f"anomaly {case.anomaly.id} is {case.state}, so it cannot '{what}'; it can: {can}")
    if what == "expect" and not reason.strip():
        raise UserError(f"anomaly {case.anomaly.id} is expected for a reason others can read; say what was planned")
    if seen is not None and seen.key != case.anomaly.key:
        raise UserError(f"anomaly {case.anomaly.id} is of {case.anomaly.key}, not of {seen.key}")
    anomaly = seen or case.anomaly
    told = anomaly.excess if what in ("grew", "return", "acknowledge", "expect") else case.told
    moved = replace(case, anomaly=anomaly, state=after, told=told, by=by or case.by, reason=reason or case.reason)
    return moved if after == case.state and what == "same" else replace(moved, since=on)


def _grew(case: Case, seen: Anomaly) -> bool:
    return abs(seen.excess) >= GREW * abs(case.told) and seen.excess != case.told
