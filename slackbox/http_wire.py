"""Deliveries by signed HTTP POST, as Slack makes them when Socket Mode is off."""

import asyncio
import hashlib
import hmac
import json
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from slackbox.rig import Reply
from slackbox.settings import Settings
from slackbox.world import Clock

FORM = "application/x-www-form-urlencoded"


@dataclass
class HttpWire:
    """Posts to the app's request URL; each delivery is a connection of its own."""

    settings: Settings
    clock: Clock
    request_url: str
    name: str = "http"

    def connected(self) -> bool:
        """Known only by trying."""
        return True

    async def send(self, kind: str, payload: dict[str, Any], retry_num: int, retry_reason: str) -> Reply:
        """Sign, post, and wait as long as Slack waits."""
        content_type, body = encode(kind, payload)
        headers = {"Content-Type": content_type, **signature(self.settings.signing_secret, int(self.clock.now()), body)}
        if retry_num:
            headers |= {"X-Slack-Retry-Num": str(retry_num), "X-Slack-Retry-Reason": retry_reason}
        try:
            async with asyncio.timeout(self.settings.ack_seconds):
                return await post(self.request_url, headers, body)
        except TimeoutError:
            return Reply(0, reason="http_timeout")
        except ssl.SSLError:
            return Reply(0, reason="ssl_error")
        except (OSError, ValueError):
            return Reply(0, reason="connection_failed")


def encode(kind: str, payload: dict[str, Any]) -> tuple[str, bytes]:
    """Events are JSON, commands a form, interactions JSON within a form."""
    if kind == "event":
        return "application/json", json.dumps(payload).encode()
    form = payload if kind == "command" else {"payload": json.dumps(payload)}
    return FORM, urlencode(form).encode()


def signature(secret: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Slack's proof of origin over the raw body."""
    base = b"v0:%d:%s" % (timestamp, body)
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(timestamp), "X-Slack-Signature": f"v0={digest}"}


async def post(url: str, headers: dict[str, str], body: bytes) -> Reply:
    """One HTTP/1.0 exchange: without chunks, ended by the server closing."""
    parts = urlsplit(url)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or (443 if tls else 80), ssl=tls)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fields = {"Host": parts.netloc, "User-Agent": "Slackbot 1.0 (slackbox)", "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"POST {path} HTTP/1.0\r\n{head}\r\n".encode() + body)
        await writer.drain()
        return read(await reader.read())
    finally:
        writer.close()


def read(answer: bytes) -> Reply:
    """Take an HTTP response apart."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split()[1]) if len(first.split()) > 1 else 0
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    is_json = fields.get("content-type", "").startswith("application/json")
    reason = "" if 200 <= status < 300 else "http_error" if status else "connection_failed"
    return Reply(status, body.decode("utf-8", "replace"), is_json, reason, fields.get("x-slack-no-retry") == "1")
