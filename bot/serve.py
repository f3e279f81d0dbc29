"""`finops-bot run`: Slack by Socket Mode or signed HTTP, and a health page, until SIGTERM."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import uvicorn
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.app import SlackApp
from bot.assemble import Tools
from finops.errors import UserError
from finops.ledger.taken import forget
from finops.ledger.upkeep import sweep

LOG = logging.getLogger("finops.serve")
LARGEST_BODY: Final = 1024 * 1024  # Slack sends far less


class Service:
    """The running bot; `start` returns once it listens, `stop` finishes what was taken in."""

    def __init__(self, tools: Tools, *, http: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        settings = tools.settings
        if settings.slack_bot_token is None:
            raise UserError("SLACK_BOT_TOKEN is not set; install the app as docs/install-slack.md says, or try finops-bot demo")
        if settings.slack_app_token is None and settings.slack_signing_secret is None:
            raise UserError("set SLACK_APP_TOKEN for Socket Mode or SLACK_SIGNING_SECRET for HTTP, so that Slack can reach the bot")
        self.tools = tools
        self.slack = SlackApp(tools, clock=clock)
        self._socket = self._socket_mode() if settings.slack_app_token else None
        self._http = HttpServer(self._routes(), settings.http_address.host, settings.http_address.port) if http else None

    @property
    def http_port(self) -> int | None:
        return self._http.port if self._http else None

    def start(self) -> None:
        self.tools.align("start")
        sweep(self.tools.ledger, self.tools.now())
        forget(self.tools.ledger.engine, self.tools.now())
        warm_up(self.tools)
        if self._http:
            self._http.start()
        if self._socket:
            self._socket.connect()  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        if self._socket:
            self._socket.close()  # type: ignore[no-untyped-call]
        if self._http:
            self._http.stop()
        self.slack.close()

    def _socket_mode(self) -> SocketModeHandler:
        token = self.tools.settings.slack_app_token
        assert token is not None
        return SocketModeHandler(self.slack.bolt, token.reveal(), web_client=self.slack.client, trace_enabled=False)

    def _routes(self) -> Starlette:
        routes = [Route("/healthz", self._health, methods=["GET"])]
        if self.tools.settings.slack_signing_secret is not None:
            routes.append(Route("/slack/events", self._slack_events, methods=["POST"]))
        return Starlette(routes=routes)

    async def _health(self, request: Request) -> Response:
        connected = self._socket.client.is_connected() if self._socket else None
        ok = connected is not False
        return JSONResponse({"ok": ok, "socket_mode": connected}, status_code=200 if ok else 503)

    async def _slack_events(self, request: Request) -> Response:
        if int(request.headers.get("content-length") or 0) > LARGEST_BODY:
            return JSONResponse({"error": "the body is too large"}, status_code=413)
        body = await request.body()
        if len(body) > LARGEST_BODY:
            return JSONResponse({"error": "the body is too large"}, status_code=413)
        answer = await run_in_threadpool(self.slack.bolt.dispatch, to_bolt_request(request, body))
        return to_starlette_response(answer)


class HttpServer:
    """An ASGI application on a thread of its own."""

    def __init__(self, app: Any, host: str, port: int) -> None:
        config = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, lifespan="off", server_header=False)
        self._server = uvicorn.Server(config)
        self._socket = config.bind_socket()
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, name="http", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(10)
        self._socket.close()


def warm_up(tools: Tools) -> None:
    """Load what the first question would wait for: the engine, fonts and the drawing library."""
    from finops.charts import draw
    from finops.query import parse

    now = tools.now()
    answer = tools.ledger.answer(parse("last 7d by=team", tools.today(now)), now, parts=True)
    if answer.sums:
        draw(answer)


def run(tools: Tools, only: str | None) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    service = Service(tools)
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    service.start()
    LOG.warning("finops-bot answers in Slack; health on port %s", service.http_port)
    stopping.wait()
    service.stop()
    return 0
