"""The HTTP side: signed deliveries of Slack, a health page, and a server on a thread of its own."""

import os
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

import uvicorn
from slack_bolt import App, BoltRequest
from slack_bolt.adapter.starlette.handler import to_starlette_response
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from finops.errors import UserError
from finops.settings import Address

LARGEST_BODY: Final = 1024 * 1024  # Slack sends far less
GRACE: Final = 3  # seconds that open requests get when the server stops


class Pages:
    """What is served: `/healthz`, and `/slack/events` where Slack's deliveries come over HTTP. `connected` None means no Socket Mode."""

    def __init__(self, bolt: App, connected: Callable[[], bool | None], *, events: bool) -> None:
        self._bolt, self._connected, self._events = bolt, connected, events

    def application(self) -> Starlette:
        return Starlette(routes=[Route("/healthz", self._health, methods=["GET"]), *self.slack_routes()])

    def slack_routes(self) -> list[Route]:
        """Return what only Slack calls, to stand beside other pages."""
        if not self._events:
            return []
        return [
            Route("/slack/events", self._deliver, methods=["POST"]),
            Route("/slack/events", self._probe, methods=["GET"]),
        ]

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether Slack reaches us, and what the health page says of it."""
        connected = self._connected()
        return connected is not False, {"socket_mode": connected}

    async def _health(self, request: Request) -> Response:
        ok, told = self.health()
        return JSONResponse({"ok": ok, **told}, status_code=200 if ok else 503)

    async def _probe(self, request: Request) -> Response:
        """Slack looks now and then whether our certificate is in order."""
        return PlainTextResponse("", 200 if request.query_params.get("ssl_check") == "1" else 405)

    async def _deliver(self, request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return JSONResponse({"error": "the body is too large"}, status_code=413)
        if not request.headers.get("x-slack-request-timestamp", "0").isdecimal():  # Bolt would call it an error of ours
            return JSONResponse({"error": "invalid request"}, status_code=401)
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return JSONResponse({"error": "the body is not UTF-8"}, status_code=400)
        made = BoltRequest(body=text, query=dict(request.query_params), headers=dict(request.headers))
        return to_starlette_response(await run_in_threadpool(self._bolt.dispatch, made))


async def _body(request: Request) -> bytes | None:
    """Read the body, None when it is too large; nothing beyond the limit is kept, whatever length was announced."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


class HttpServer:
    """An ASGI application on a thread of its own. Raises UserError when the address cannot be listened on."""

    def __init__(self, app: Any, address: Address) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = uvicorn.Server(config)
        self._socket = _listen(address)
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, name="http", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(GRACE + 2)
        self._socket.close()


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as problem:
        raise UserError(
            f"FINOPS_HTTP_ADDRESS={address} cannot be listened on ({os.strerror(problem.errno or 0)}); choose another port, or 0 for any"
        ) from problem
