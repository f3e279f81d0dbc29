"""Sends JSON to a machine over HTTP, and says what an answer means for the message."""

import http.client
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message
from typing import IO, Any, Final

from jobs.routes import LostError, NotSentError, RefusedError

SECONDS: Final = 10.0
LONGEST_ANSWER: Final = 64 * 1024
NEVER_LEFT: Final = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)


@dataclass(frozen=True)
class Answer:
    """What the other side said."""

    status: int
    body: bytes
    retry_after: timedelta | None


class _Stays(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would carry the message and its signature to a place nobody configured."""

    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str) -> None:
        return None


def post(url: str, body: bytes, headers: Mapping[str, str], tls: ssl.SSLContext | None = None) -> Answer:
    """Post once, following no redirect. Raises NotSentError where nothing left, LostError where the answer did not come."""
    opener = urllib.request.build_opener(_Stays, urllib.request.HTTPSHandler(context=tls or ssl.create_default_context()))
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", "User-Agent": "finops-bot", **headers})  # noqa: S310 - settings take https:// only
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            return _answer(answer.status, answer.headers, answer.read(LONGEST_ANSWER))
    except urllib.error.HTTPError as refused:
        with refused:
            return _answer(refused.code, refused.headers, _rest(refused))
    except urllib.error.URLError as problem:
        cause = type(problem.reason).__name__ if isinstance(problem.reason, Exception) else "no connection"
        if isinstance(problem.reason, NEVER_LEFT):
            raise NotSentError(f"it cannot be reached ({cause})") from problem
        raise LostError(f"the answer did not come ({cause})") from problem
    except (OSError, http.client.HTTPException) as problem:
        raise LostError(f"the answer did not come ({type(problem).__name__})") from problem


def judge(answer: Answer, *, accepted: range = range(200, 300)) -> None:
    """Return where an answer accepts the message. Raises NotSentError to wait, LostError for a server in trouble, else RefusedError."""
    if answer.status in accepted:
        return
    if answer.status in (408, 425, 429):
        raise NotSentError(f"it asks to wait (HTTP {answer.status})", wait=answer.retry_after)
    if answer.status >= 500:
        raise LostError(f"it is in trouble (HTTP {answer.status})")
    if 300 <= answer.status < 400:
        raise RefusedError(f"it points elsewhere (HTTP {answer.status}), and redirects are not followed; set the final address")
    raise RefusedError(f"it refuses (HTTP {answer.status})")


def _answer(status: int, headers: Mapping[str, Any] | Message, body: bytes) -> Answer:
    told = str(headers.get("Retry-After") or "")
    wait = timedelta(seconds=max(1, int(told))) if told.isdecimal() and len(told) < 6 else None
    return Answer(status, body, wait)


def _rest(refused: urllib.error.HTTPError) -> bytes:
    try:
        return refused.read(LONGEST_ANSWER)
    except (OSError, http.client.HTTPException):
        return b""
