"""Stands before LiteLLM: a call by somebody who is blocked is refused before LiteLLM does any work for it."""

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from gateway.guard import RefusedError
from gateway.requests import CALLS

LOG = logging.getLogger("finops.gateway")
KINDS: Final = {401: "auth_error", 403: "permission_error", 429: "rate_limit_error", 503: "service_unavailable"}
BEARER: Final = "Bearer "
# Where LiteLLM looks for a key besides `Authorization`; with one of these it is left to find out whose the request is.
OTHER_KEYS: Final = frozenset({b"x-litellm-api-key", b"api-key", b"x-api-key", b"x-goog-api-key", b"ocp-apim-subscription-key"})

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Callable[[], Awaitable[Message]], Send], Awaitable[None]]
Barred = Callable[[str], RefusedError | None]


class FrontDoor:
    """An ASGI application around LiteLLM's. Whatever is not certain here goes on to LiteLLM, whose authentication asks again."""

    def __init__(self, app: App, barred: Barred) -> None:
        self._app, self._barred = app, barred

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await _answer(refusal, send)

    def _refusal(self, scope: Message) -> RefusedError | None:
        try:
            path = str(scope.get("path", "")).removeprefix(str(scope.get("root_path", "")))
            key = _key(scope["headers"]) if CALLS.fullmatch(path) else None
            return self._barred(key) if key else None
        except Exception:
            LOG.exception("the front door failed; LiteLLM's authentication decides")
            return None


def stand_before(app: Any, barred: Barred) -> None:
    """Put the door before an application, whether it has begun to serve or not."""
    if app.middleware_stack is None:
        app.add_middleware(FrontDoor, barred=barred)
    else:
        app.middleware_stack = FrontDoor(app.middleware_stack, barred)


def kind_of(status: int) -> str:
    """Return what OpenAI's errors call a status."""
    return KINDS.get(status, "invalid_request_error")


def headers_of(refusal: RefusedError) -> dict[str, str]:
    return {} if refusal.retry_after is None else {"retry-after": str(max(1, round(refusal.retry_after + 0.49)))}


def _key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    found = [value for name, value in headers if name == b"authorization"]
    if len(found) != 1 or any(name in OTHER_KEYS for name, _ in headers):
        return None
    text = found[0].decode("latin-1")
    return text.removeprefix(BEARER) if text.startswith(BEARER) else None


async def _answer(refusal: RefusedError, send: Send) -> None:
    error = {"message": refusal.reason, "type": kind_of(refusal.status), "param": None, "code": str(refusal.status)}
    body = json.dumps({"error": error}).encode()
    told = {"content-type": "application/json", "content-length": str(len(body)), **headers_of(refusal)}
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
