"""A frozen plan: exactly what a lever would do, to what, why, and what that is expected to bring and to cost."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, Literal

Risk = Literal["low", "medium", "high"]
DIGITS_SHOWN: Final = 10


@dataclass(frozen=True)
class Saving:
    """What an action is expected to save per hour while it lasts, with an 80 % range; None where nobody can say."""

    likely: Decimal
    low: Decimal
    high: Decimal
    currency: str
    basis: str  # how it was worked out, in a sentence


@dataclass(frozen=True)
class Plan:
    """What a person agrees to. `digest` names all of it, and each vote is bound to that digest.

    `targets` are the exact things a lever moves, `parameters` what to, `before` how each target stood when the plan was
    made (the before-image that is restored, and the precondition that must still hold). `lasts` is how long the effect
    stays unless it is renewed; None only for effects that end by themselves.
    """

    lever: str  # gateway.fallback, gateway.throttle, gateway.block, aws.stop_instances, kubernetes.scale …
    targets: tuple[str, ...]
    parameters: Mapping[str, Any]
    before: Mapping[str, Any]
    reason: str  # the finding's title
    evidence: Mapping[str, Any]
    policy: str  # digest of the rulebook under which it was proposed
    risk: Risk = "medium"
    lasts: timedelta | None = timedelta(hours=24)
    saving: Saving | None = None
    side_effects: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the plan as plain JSON; `read_plan` gives the same plan back."""
        saving = None
        if self.saving:
            amounts = {name: format(getattr(self.saving, name), "f") for name in ("likely", "low", "high")}
            saving = {**amounts, "currency": self.saving.currency, "basis": self.saving.basis}
        return {
            "lever": self.lever,
            "targets": list(self.targets),
            "parameters": dict(self.parameters),
            "before": dict(self.before),
            "reason": self.reason,
            "evidence": dict(self.evidence),
            "policy": self.policy,
            "risk": self.risk,
            "lasts": None if self.lasts is None else int(self.lasts.total_seconds()),
            "saving": saving,
            "side_effects": list(self.side_effects),
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: sorted keys, no spaces, UTF-8."""
        text = json.dumps(self.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def short_digest(self) -> str:
        return self.digest[:DIGITS_SHOWN]


def read_plan(document: Mapping[str, Any]) -> Plan:
    """Read what `Plan.document` wrote."""
    return Plan(
        lever=document["lever"],
        targets=tuple(document["targets"]),
        parameters=document["parameters"],
        before=document["before"],
        reason=document["reason"],
        evidence=document["evidence"],
        policy=document["policy"],
        risk=document["risk"],
        lasts=None if document["lasts"] is None else timedelta(seconds=document["lasts"]),
        saving=document["saving"] and _read_saving(document["saving"]),
        side_effects=tuple(document["side_effects"]),
    )


def _read_saving(document: Mapping[str, str]) -> Saving:
    likely, low, high = (Decimal(document[name]) for name in ("likely", "low", "high"))
    return Saving(likely, low, high, document["currency"], document["basis"])
