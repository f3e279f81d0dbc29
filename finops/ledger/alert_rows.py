"""An alert as it is kept: its row read and its steps written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import Row

from finops.configuration.rulebook_steps import Propose
from finops.guard.alert_states import LIVE, AlertState
from finops.guard.findings import Finding, read_finding


@dataclass(frozen=True)
class Alert:
    """A finding that was told, and where it stands. `told_with` names the alert in whose message it is listed."""

    number: int
    key: str
    watcher: str
    finding: Finding
    state: AlertState
    version: int
    routes: tuple[str, ...]
    told_with: int | None
    opened_at: datetime
    changed_at: datetime
    changed_by: str
    until: datetime | None
    reason: str | None

    @property
    def id(self) -> str:
        return f"A-{self.number}"

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    @cached_property
    def messages(self) -> tuple[tuple[str, str], ...]:
        """The key and the route of each message it was told by."""
        return tuple((message_key(self.number, number, route), route) for number, route in enumerate(self.routes))


def message_key(number: int, place: int, route: str) -> str:
    return f"alert:A-{number}" if place == 0 else f"alert:A-{number}:{route}"[:380]


def alert_of(row: Row[Any]) -> Alert:
    return Alert(
        number=row.number,
        key=row.key,
        watcher=row.watcher,
        finding=read_finding(json.loads(row.finding)),
        state=row.state,
        version=row.version,
        routes=tuple(json.loads(row.routes)),
        told_with=row.told_with,
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        until=row.until,
        reason=row.reason,
    )


def write_step(step: Propose) -> dict[str, Any]:
    lasts, scope = int(step.lasts.total_seconds()), [[name, list(values)] for name, values in step.scope]
    return {
        "lever": step.lever,
        "parameters": dict(step.parameters),
        "lasts": lasts,
        "risk": step.risk,
        "targets": list(step.targets),
        "scope": scope,
    }


def read_step(told: Mapping[str, Any]) -> Propose:
    scope = tuple((name, tuple(values)) for name, values in told["scope"])
    return Propose(told["lever"], told["parameters"], timedelta(seconds=told["lasts"]), told["risk"], tuple(told["targets"]), scope)
