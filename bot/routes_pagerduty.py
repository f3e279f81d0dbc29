"""The way to PagerDuty: Events API v2. One incident for each thing, because its key is ours."""

import hashlib
import json
import ssl
from collections.abc import Mapping
from typing import Any, Final

from bot.routes_http import Answer, judge, post
from finops.routing import FIRST, address
from finops.telling.names import clean, cut
from jobs.routes import Parcel, RefusedError

ACTIONS: Final = ("trigger", "acknowledge", "resolve")
SEVERITIES: Final = {"info": "info", "warning": "warning", "error": "error", "critical": "critical"}
SUMMARY, DEDUP, DETAIL = 1024, 255, 2000


class PagerDutyRoute:
    """Sends events to the services whose integration keys are given by name. Repeating one changes nothing there: its key is the same."""

    def __init__(self, keys: Mapping[str, str], base_url: str, tls: ssl.SSLContext | None = None) -> None:
        self._keys, self._url, self._tls = keys, f"{base_url.rstrip('/')}/v2/enqueue", tls

    def send(self, parcel: Parcel) -> None:
        """Raises NotSentError, LostError, RefusedError."""
        event = {"routing_key": self._key(address(parcel.letter.route).name), **event_of(parcel)}
        answer = post(self._url, json.dumps(event, ensure_ascii=False).encode(), {}, self._tls)
        if answer.status == 400:
            raise RefusedError(f"PagerDuty takes no such event ({_told(answer)}); check FINOPS_PAGERDUTY_KEY")
        judge(answer)

    def _key(self, name: str) -> str:
        """Return a service's key; where there is only one service, it is the default too."""
        if not self._keys:
            raise RefusedError("FINOPS_PAGERDUTY_KEY is not set; give the integration key of a service with Events API v2")
        if name not in self._keys and name == FIRST:
            return next(iter(self._keys.values()))
        if name not in self._keys:
            raise RefusedError(f"FINOPS_PAGERDUTY_KEY names no service '{name}'; it names {', '.join(self._keys)}")
        return self._keys[name]


def event_of(parcel: Parcel) -> dict[str, Any]:
    """Return the event without its routing key: what happens to which incident, and for a trigger what it is about."""
    told = parcel.content.event
    action = told.get("action", "trigger")
    if action not in ACTIONS:
        raise RefusedError(f"'{action}' is nothing that can happen to an incident; use {', '.join(ACTIONS)}")
    event: dict[str, Any] = {"event_action": action, "dedup_key": dedup_key(str(told.get("dedup_key") or parcel.letter.object_id))}
    if action != "trigger":
        return event
    summary = cut(clean(str(told.get("summary") or parcel.content.plain)), SUMMARY) or "finops-bot has something to say"
    details = {str(name): cut(clean(str(value)), DETAIL) for name, value in (told.get("details") or {}).items()}
    remarks = parcel.remarks()
    payload = {
        "summary": summary,
        "source": "finops-bot",
        "severity": SEVERITIES.get(str(told.get("severity")), "error"),
        "timestamp": parcel.letter.at.isoformat(),
        "class": str(told.get("class") or "cost"),
        "custom_details": details | ({"delivery": " ".join(remarks)} if remarks else {}),
    }
    links = [link for link in told.get("links") or [] if isinstance(link, Mapping) and str(link.get("href", "")).startswith("https://")]
    return {**event, "client": "finops-bot", "payload": payload, **({"links": links} if links else {})}


def dedup_key(key: str) -> str:
    """Return a key that PagerDuty takes; a longer one ends in a digest of all of it."""
    return key if len(key) <= DEDUP else f"{key[:180]}…{hashlib.sha256(key.encode()).hexdigest()[:64]}"


def _told(answer: Answer) -> str:
    """Return what PagerDuty says is wrong, which names fields and holds no key."""
    try:
        found = json.loads(answer.body)
        errors = found.get("errors") or [found.get("message")]
    except (ValueError, AttributeError):
        return "HTTP 400"
    return cut(clean("; ".join(str(each) for each in errors)), 300)
