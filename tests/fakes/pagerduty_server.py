"""PagerDuty's Events API v2 on loopback: it checks an event as PagerDuty documents it, and keeps the incidents."""

import json
from datetime import datetime
from typing import Any, Final

from tests.fakes.http_sink import Said, Sink, Taken

SEVERITIES: Final = ("critical", "error", "warning", "info")


class PagerDutyServer(Sink):
    """Knows one integration key; an incident is found again by its dedup_key, and a closed one opens anew."""

    key = "R0ABCDEFGHIJKLMNOPQRSTUVWXYZ1234"

    def __init__(self) -> None:
        super().__init__()
        self.incidents: dict[str, str] = {}

    def answer(self, taken: Taken) -> Said:
        if taken.path != "/v2/enqueue":
            return Said(404)
        try:
            event = taken.json
        except ValueError:
            return refused("the body is no JSON")
        wrong = problems(event, self.key)
        if wrong:
            return refused(*wrong)
        name = event.get("dedup_key") or f"made{len(self.incidents)}"
        if event["event_action"] == "trigger" or name in self.incidents:
            self.incidents[name] = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}[event["event_action"]]
        told = {"status": "success", "message": "Event processed", "dedup_key": name}
        return Said(202, json.dumps(told).encode())


def problems(event: dict[str, Any], key: str) -> list[str]:
    """Return what PagerDuty would refuse of an event."""
    wrong = [] if event.get("routing_key") == key else ["routing_key is invalid"]
    action = event.get("event_action")
    wrong += [] if action in ("trigger", "acknowledge", "resolve") else ["event_action is invalid"]
    wrong += ["dedup_key is too long"] if len(str(event.get("dedup_key", ""))) > 255 else []
    wrong += ["dedup_key is missing"] if action != "trigger" and not event.get("dedup_key") else []
    if action == "trigger":
        payload = event.get("payload") or {}
        wrong += [f"{name} is missing" for name in ("summary", "source", "severity") if not payload.get(name)]
        wrong += ["summary is too long"] if len(payload.get("summary", "")) > 1024 else []
        wrong += [] if payload.get("severity") in SEVERITIES else ["severity is invalid"]
        wrong += [] if "timestamp" not in payload or datetime.fromisoformat(payload["timestamp"]) else ["timestamp is invalid"]
    return wrong


def refused(*errors: str) -> Said:
    told = {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)}
    return Said(400, json.dumps(told).encode())
