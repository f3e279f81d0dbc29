"""Findings of others: alerts as Prometheus' Alertmanager sends them to a webhook. Nothing in them is trusted."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from finops.configuration.rulebook_sections import Scope
from finops.errors import UserError
from finops.guard.findings import Finding, Severity, finding_key
from finops.telling.names import clean, cut

KIND: Final = "alertmanager"
VERSION: Final = "4"
MOST_ALERTS: Final = 1000
MOST_LABELS, LONGEST_NAME, LONGEST_VALUE, LONGEST_TITLE = 60, 100, 500, 300
SHOWN: Final = 8
AHEAD: Final = timedelta(days=1)  # clocks differ; a beginning further ahead is a mistake
SCOPED: Final = ("team", "project", "env", "model", "feature", "user", "tenant", "route")
BAD: Final[Mapping[str, Severity]] = {
    "critical": "critical",
    "page": "critical",
    "emergency": "critical",
    "error": "critical",
    "high": "critical",
    "info": "info",
    "none": "info",
    "low": "info",
}


@dataclass(frozen=True)
class Read:
    """What a delivery held: a finding for each alert, whose evidence says whether it is `firing` or `resolved`, and what was wrong."""

    findings: tuple[Finding, ...]
    problems: tuple[str, ...]


def findings(document: object, now: datetime) -> Read:
    """Read a delivery of Alertmanager's webhook, version 4. Raises UserError for what is none."""
    if not isinstance(document, dict) or not isinstance(document.get("alerts"), list):
        raise UserError('this is no delivery of Alertmanager; it is a JSON object with "version": "4" and a list of "alerts"')
    if document.get("version") != VERSION:
        raise UserError(f"version {_shown(document.get('version'))} of Alertmanager's webhook is not known; send version {VERSION}")
    alerts = document["alerts"]
    if len(alerts) > MOST_ALERTS:
        raise UserError(f"{len(alerts)} alerts came at once; set max_alerts of the webhook to at most {MOST_ALERTS}")
    found: list[Finding] = []
    problems: list[str] = []
    for number, alert in enumerate(alerts):
        try:
            found.append(_finding(alert, str(document.get("groupKey") or ""), now))
        except ValueError as problem:
            problems.append(f"alerts[{number}] {problem}")
    return Read(tuple(found), tuple(problems))


def _finding(alert: object, group: str, now: datetime) -> Finding:
    """Read one alert; its labels and its beginning are its identity, so that it stays one finding however often it is sent."""
    if not isinstance(alert, dict):
        raise ValueError("is no object")
    labels, notes = _texts(alert.get("labels"), "labels"), _texts(alert.get("annotations", {}), "annotations")
    name, status = cut(labels.get("alertname", ""), LONGEST_NAME), alert.get("status")
    starts = _moment(alert.get("startsAt"), now)
    if not name:
        raise ValueError("has no label alertname")
    if status not in ("firing", "resolved"):
        raise ValueError(f"is neither firing nor resolved but {_shown(status)}")
    version = hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()
    period = starts.strftime("%Y-%m-%dT%H:%M:%SZ")
    return Finding(
        key=finding_key(name, version, period, KIND),
        kind=KIND,
        rule=name,
        version=version,
        period=period,
        scope=_scope(labels),
        severity=BAD.get(labels.get("severity", "").casefold(), "warning"),
        title=cut(notes.get("summary") or notes.get("description") or f"{name} is {status}.", LONGEST_TITLE),
        observed_at=now,
        as_of=now,
        owner=labels.get("team") or None,
        facts=_facts(labels, notes),
        evidence=_evidence(alert, group, status) | {"labels": labels, "annotations": notes, "starts_at": period},
    )


def _texts(found: object, what: str) -> dict[str, str]:
    """Read names and values; what cannot be seen in them is dropped, and what is too long cut."""
    if not isinstance(found, dict) or len(found) > MOST_LABELS or not all(isinstance(value, str) for value in found.values()):
        raise ValueError(f"has {what} that are not an object of at most {MOST_LABELS} texts")
    return {cut(clean(name), LONGEST_NAME): cut(clean(value), LONGEST_VALUE) for name, value in found.items()}


def _moment(text: object, now: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found > now + AHEAD or found.year < 2000:
        raise ValueError(f"does not say since when; startsAt is {_shown(text)}")
    return found.astimezone(UTC)


def _scope(labels: Mapping[str, str]) -> Scope:
    return tuple(sorted((name, (labels[name],)) for name in SCOPED if labels.get(name)))


def _facts(labels: Mapping[str, str], notes: Mapping[str, str]) -> dict[str, str]:
    told = {name: value for name, value in labels.items() if name not in ("alertname", "severity") and value}
    shown = dict(list(told.items())[:SHOWN])
    return shown | ({"description": notes["description"]} if notes.get("summary") and notes.get("description") else {})


def _evidence(alert: Mapping[str, Any], group: str, status: str) -> dict[str, Any]:
    address = alert.get("generatorURL")
    is_address = isinstance(address, str) and address.startswith(("http://", "https://")) and len(address) <= 2000
    told: dict[str, Any] = {"source": KIND, "status": status, "fingerprint": cut(clean(str(alert.get("fingerprint") or "")), 40)}
    told |= {"group": cut(clean(group), LONGEST_VALUE), "url": address if is_address else None}
    return told | {"ends_at": _ended(alert.get("endsAt")) if status == "resolved" else None}


def _ended(text: object) -> str | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def _shown(value: object) -> str:
    return repr(cut(clean(str(value)), 60))
