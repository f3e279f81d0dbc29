"""An anomaly as it is kept: its row read and written."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from finops.insight.anomalies_events import Anomaly
from finops.insight.anomalies_feedback import Feedback
from finops.insight.anomalies_states import Case


@dataclass(frozen=True)
class Stored:
    """An anomaly, where it stands and where it was told. `told_with` names the one in whose message it is listed."""

    case: Case
    version: int
    told_with: str | None
    route: str | None
    told_at: datetime | None
    opened_at: datetime
    changed_at: datetime
    changed_by: str
    until: date | None
    shown: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.case.anomaly.id

    @property
    def message(self) -> str:
        """The key of its message in the outbox."""
        return f"anomaly:{self.id}"


def stored_of(row: Row[Any]) -> Stored:
    case = Case(read_anomaly(json.loads(row.seen)), row.state, row.since, row.told, row.changed_by, row.reason or "")
    return Stored(
        case,
        row.version,
        row.told_with,
        row.route,
        row.told_at,
        row.opened_at,
        row.changed_at,
        row.changed_by,
        row.until,
        json.loads(row.shown),
    )


def values_of(case: Case) -> dict[str, Any]:
    """Return the columns that a case decides."""
    seen = case.anomaly
    return {
        "step": seen.step,
        "severity": seen.severity,
        "state": case.state,
        "seen": json.dumps(document(seen), sort_keys=True),
        "told": case.told,
        "since": case.since,
        "reason": case.reason or None,
    }


def document(anomaly: Anomaly) -> dict[str, Any]:
    """Return an anomaly as plain JSON; `read_anomaly` gives the same one back."""
    plain = asdict(anomaly) | {name: getattr(anomaly, name).isoformat() for name in _MOMENTS}
    return {**plain, "key": [list(pair) for pair in anomaly.key]}


def read_anomaly(document: Mapping[str, Any]) -> Anomaly:
    read = datetime.fromisoformat if document["step"] == "hour" else date.fromisoformat
    told = {**document, **{name: read(document[name]) for name in _MOMENTS}}
    return Anomaly(**{**told, "key": tuple((name, value) for name, value in document["key"])})


def word_of(row: Row[Any]) -> Feedback:
    scope = tuple((name, value) for name, value in json.loads(row.scope))
    return Feedback(scope, row.verdict, row.told_on, row.began, row.excess, row.pattern, row.until, row.reason)


_MOMENTS = ("start", "end", "detected_on")
