"""The way to machines of one's own: signed JSON over HTTPS."""

import hashlib
import hmac
import json
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bot.routes_http import judge, post
from finops.routing import address
from finops.secret import Secret
from jobs.routes import Parcel, RefusedError


class WebhookRoute:
    """Posts to addresses by name, each message signed and with its key, by which a receiver knows a repeat."""

    def __init__(
        self, urls: Mapping[str, str], secret: Secret | None, clock: Callable[[], datetime], tls: ssl.SSLContext | None = None
    ) -> None:
        self._urls, self._secret, self._clock, self._tls = urls, secret, clock, tls

    def send(self, parcel: Parcel) -> None:
        """Raises NotSentError, LostError, RefusedError."""
        name = address(parcel.letter.route).name
        if name not in self._urls:
            known = f"it names {', '.join(self._urls)}" if self._urls else "it is not set"
            raise RefusedError(f"FINOPS_WEBHOOKS names no webhook '{name}'; {known}")
        if self._secret is None:
            raise RefusedError("FINOPS_WEBHOOK_SECRET is not set, and unsigned messages are not sent")
        body = json.dumps(document(parcel), ensure_ascii=False, sort_keys=True).encode()
        stamp = str(int(self._clock().timestamp()))
        headers = {"X-Finops-Signature": f"t={stamp},v1={signature(self._secret, stamp, body)}", "X-Finops-Key": header(parcel.letter.key)}
        judge(post(self._urls[name], body, headers, self._tls))


def document(parcel: Parcel) -> dict[str, Any]:
    """Return what a receiver gets; the same key is the same message, however often it comes."""
    letter = parcel.letter
    return {
        "key": letter.key,
        "object": letter.object_id,
        "kind": letter.kind,
        "at": letter.at.isoformat(),
        "attempt": letter.attempt,
        "text": parcel.content.plain,
        "event": dict(parcel.content.event),
        "remarks": parcel.remarks(may_repeat=letter.doubts > 0),
    }


def signature(secret: Secret, stamp: str, body: bytes) -> str:
    """Return HMAC-SHA256 over `stamp.body`, so that an old message cannot be sent again as a new one."""
    return hmac.new(secret.reveal().encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def header(key: str) -> str:
    """Return a key as a header takes it."""
    return key if key.isascii() and key.isprintable() else hashlib.sha256(key.encode()).hexdigest()
