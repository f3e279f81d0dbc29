"""A receiver of our webhooks as its author would write it: it checks the signature and does nothing twice."""

import hashlib
import hmac
from typing import Any

from tests.fakes.http_sink import Said, Sink, Taken


class WebhookServer(Sink):
    """Keeps each message once, by its key; refuses what is not signed with its secret."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self.secret = secret
        self.messages: dict[str, Any] = {}

    def answer(self, taken: Taken) -> Said:
        parts = dict(part.split("=", 1) for part in taken.headers["X-Finops-Signature"].split(","))
        expected = hmac.new(self.secret.encode(), f"{parts['t']}.".encode() + taken.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, parts["v1"]):
            return Said(401)
        self.messages[taken.json["key"]] = taken.json
        return Said(200)
