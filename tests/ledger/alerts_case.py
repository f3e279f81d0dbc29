"""Findings and rounds for tests of the alerts themselves."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, event, select

from finops.guard.findings import Finding, finding_key
from finops.guard.watching import Firing, Round
from finops.ledger.alerts import Settled, memory, settle
from finops.ledger.tables_outbox import outbox

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ML = "slack:#ml"


class DiedError(BaseException):
    """The process ends here."""


@contextmanager
def dying(engine: Engine, last: int) -> Iterator[None]:
    """Die right before the statement or commit of that number; the database rolls back what was not committed."""
    seen = 0

    def reach(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == last:
            raise DiedError

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            reach()

    heard: dict[str, Callable[..., None]] = {"before_cursor_execute": count, "commit": reach}
    for moment, listener in heard.items():
        event.listen(engine, moment, listener)
    try:
        yield
    finally:
        for moment, listener in heard.items():
            event.remove(engine, moment, listener)


def finding(at: str | None = "0.8", kind: str = "budget", rule: str = "ml", period: str = "2026-11", **more: Any) -> Finding:
    threshold = None if at is None else Decimal(at)
    told: dict[str, Any] = {
        "key": finding_key(rule, "v1", period, kind, threshold),
        "kind": kind,
        "rule": rule,
        "version": "v1",
        "period": period,
        "scope": (("team", ("ml",)),),
        "severity": "critical" if threshold and threshold >= 1 else "warning",
        "title": f"{rule} is past {at}.",
        "observed_at": NOON,
        "as_of": NOON,
        "threshold": threshold,
    }
    return Finding(**(told | more))


def firing(at: str | None = "0.8", **more: Any) -> Firing:
    told = finding(at, **{name: more.pop(name) for name in ("kind", "rule", "period", "severity") if name in more})
    return Firing(told, **{"watcher": told.rule, "routes": (ML,), "group": f"{told.rule}:{told.period}", **more})


def round_of(engine: Engine, *firings: Firing, now: datetime = NOON, below: Mapping[str, str] | None = None) -> Settled:
    """One look of one worker: what was told before is not told again."""
    done = Round(now, memory(engine, now))
    for each in firings:
        done.fire(each)
    for key, said in (below or {}).items():
        done.fall_below(key, said)
    return settle(engine, done)


def letters(engine: Engine, kind: str | None = None) -> list[str]:
    with engine.connect() as connection:
        found = connection.execute(select(outbox.c.key, outbox.c.kind).order_by(outbox.c.id)).all()
    return [row.key for row in found if kind in (None, row.kind)]
