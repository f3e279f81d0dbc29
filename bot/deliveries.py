"""What tells a delivery of Slack's from another, so that a repeated one is recognised. Pure."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def delivery_key(body: Mapping[str, Any]) -> str:
    """Return a key that a repeated delivery has too: Slack's own id of it, or all it holds."""
    actions = [action.get("action_ts") for action in body.get("actions", ())]
    if body.get("event_id"):
        return key("event", body["event_id"])
    return key("trigger", [body["trigger_id"], actions]) if body.get("trigger_id") else key("body", body)


def key(kind: str, of: object) -> str:
    """Return a short key that tells nothing of what it is made from."""
    return f"{kind}:{hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:40]}"
