"""What a rule noticed: one fact with its evidence, named so that the same thing found again is the same finding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from finops.configuration.rulebook_sections import Scope

Severity = Literal["info", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")


@dataclass(frozen=True)
class Finding:
    """Something a budget or a rule noticed at `observed_at` in figures known until `as_of`.

    `key` is the whole identity: (what watches, its version, the local period, the kind, the threshold), so that two
    processes, a restart or a second look find the same finding. `value` and `limit` are in `unit` (a currency, a share, a
    count). `facts` are the lines a message shows, label to text.
    """

    key: str
    kind: str  # budget, burn_rate, forecast_breach, anomaly, unit_cost, cache_hit, gpu_idle, promql …
    rule: str  # the name of the budget or rule
    version: str  # digest of the budget or rule as it was configured
    period: str  # the local period it belongs to: 2026-11, 2026-W47, 2026-11-21
    scope: Scope
    severity: Severity
    title: str  # one sentence with its figures
    observed_at: datetime
    as_of: datetime | None
    value: Decimal | None = None
    limit: Decimal | None = None
    unit: str | None = None
    threshold: Decimal | None = None
    owner: str | None = None
    channel: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)  # plain JSON: the query, the loads, the figures it rests on


def finding_key(watcher: str, version: str, period: str, kind: str, threshold: Decimal | None = None) -> str:
    """Return the identity of a finding; the same figures for a changed budget are another finding."""
    parts = [kind, watcher, version[:12], period, "" if threshold is None else format(threshold.normalize(), "f")]
    return ":".join(part.replace(":", "%3A") for part in parts)


def document(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain JSON; `read_finding` gives the same finding back."""
    texts = {name: getattr(finding, name) for name in _TEXTS}
    amounts = {name: None if (value := getattr(finding, name)) is None else format(value, "f") for name in _AMOUNTS}
    moments = {name: None if (value := getattr(finding, name)) is None else value.isoformat() for name in _MOMENTS}
    scope = [[name, list(values)] for name, values in finding.scope]
    return {**texts, **amounts, **moments, "scope": scope, "facts": dict(finding.facts), "evidence": dict(finding.evidence)}


def read_finding(document: Mapping[str, Any]) -> Finding:
    """Read what `document` wrote."""
    told = dict(document)
    told |= {name: None if told[name] is None else Decimal(told[name]) for name in _AMOUNTS}
    told |= {name: None if told[name] is None else datetime.fromisoformat(told[name]) for name in _MOMENTS}
    return Finding(**{**told, "scope": tuple((name, tuple(values)) for name, values in told["scope"])})


_TEXTS: Final = ("key", "kind", "rule", "version", "period", "severity", "title", "unit", "owner", "channel")
_AMOUNTS: Final = ("value", "limit", "threshold")
_MOMENTS: Final = ("observed_at", "as_of")
