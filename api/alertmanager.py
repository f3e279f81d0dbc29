"""Takes what Prometheus' Alertmanager sends to its webhook."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from api.refusals import RefusalError
from finops.guard.alertmanager import findings
from finops.guard.findings import Finding

LARGEST: Final = 4 * 1024 * 1024
TOLD: Final = 20  # problems of one delivery that are listed
Take = Callable[[Sequence[Finding]], object]  # raises FinopsError when they could not be kept; then they are sent again


def take_alerts(body: bytes, now: datetime, take: Take | None) -> dict[str, Any]:
    """Hand a delivery's findings over and return what is answered. Raises RefusalError, UserError."""
    if take is None:
        raise RefusalError(503, "alerts are not taken in this process; send them to one started with finops-bot run", retry_after=60)
    if len(body) > LARGEST:
        raise RefusalError(413, f"a delivery may have {LARGEST // 1024 // 1024} MiB; set max_alerts of the webhook lower")
    read = findings(_json(body), now)
    if read.problems and not read.findings:
        raise RefusalError(400, f"no alert can be read; the first: {read.problems[0]}", more=_rejected(read.problems))
    take(read.findings)
    return {"accepted": len(read.findings), **_rejected(read.problems)}


def _json(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusalError(400, "the body is no JSON; Alertmanager's webhook sends JSON") from None


def _rejected(problems: Sequence[str]) -> dict[str, Any]:
    return {"rejected": list(problems[:TOLD]), "rejected_count": len(problems)}


def route() -> dict[str, Any]:
    """Return what the OpenAPI document says of the route."""
    alert = {"type": "object", "required": ["status", "labels", "startsAt"]}
    fields = {"version": {"const": "4"}, "groupKey": {"type": "string"}, "alerts": {"type": "array", "items": alert}}
    delivery = {"type": "object", "required": ["version", "alerts"], "properties": fields}
    answer = {"description": "Kept; `rejected` tells of alerts that could not be read.", "content": {"application/json": {}}}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": delivery}}}, "responses": {"202": answer}}
