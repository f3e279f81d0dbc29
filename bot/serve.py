"""`finops-bot run`: Slack by Socket Mode or signed HTTP, and a health page, until SIGTERM."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any, Final

from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode.builtin.connection import Connection

from bot.app import SlackApp
from bot.assemble import Tools
from bot.clockwork import scheduler
from bot.door import UsageDoor
from bot.messenger import reason
from bot.people import unreachable
from bot.stopping import Stopping
from bot.web import HttpServer, Pages
from finops.errors import FinopsError, UserError
from finops.ledger.taken import forget
from finops.ledger.upkeep import sweep
from finops.secret import Secret
from jobs.scheduler import Scheduler

LOG = logging.getLogger("finops.serve")
HANGING_UP: Final = 5.0  # seconds; a kill usually comes after ten


class Service:
    """The running bot; `start` returns once it listens, `stop` finishes what was taken in. `clock` counts seconds.

    With `door` its HTTP side also takes usage events and questions of machines.
    """

    def __init__(self, tools: Tools, *, http: bool = True, door: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        settings = tools.settings
        if settings.slack_bot_token is None:
            raise UserError("SLACK_BOT_TOKEN is not set; install the app as docs/install-slack.md says, or try finops-bot demo")
        if settings.slack_app_token is None and settings.slack_signing_secret is None:
            raise UserError("set SLACK_APP_TOKEN for Socket Mode or SLACK_SIGNING_SECRET for HTTP, so that Slack can reach the bot")
        self.tools = tools
        self.slack = SlackApp(tools, clock=clock)
        pages = Pages(self.slack.bolt, self.connected, events=settings.slack_signing_secret is not None)
        self._door = UsageDoor(tools, pages.health) if http and door else None
        self._http = HttpServer(self._application(pages), settings.http_address) if http else None
        self._socket = self._socket_mode(settings.slack_app_token) if settings.slack_app_token else None

    @property
    def http_port(self) -> int | None:
        return self._http.port if self._http else None

    def _application(self, pages: Pages) -> Any:
        if self._door is None:
            return pages.application()
        made = self._door.application()
        made.router.routes.extend(pages.slack_routes())
        return made

    def connected(self) -> bool | None:
        """Whether Socket Mode is connected; None where it is not used."""
        return self._socket.client.is_connected() if self._socket else None

    def start(self) -> None:
        """Raises FinopsError when Slack cannot be reached, UserError when it refuses the app-level token."""
        self.tools.align("start")
        sweep(self.tools.ledger, self.tools.now())
        forget(self.tools.ledger.engine, self.tools.now())
        warm_up(self.tools)
        if self._door:
            self._door.start()
        if self._http:
            self._http.start()
        if self._socket:
            self._connect(self._socket)

    def stop(self) -> None:
        if self._socket:
            hang_up(self._socket)
        if self._door:
            self._door.leave()
        if self._http:
            self._http.stop()
        if self._door:
            self._door.stop()
        self.slack.close()

    def _socket_mode(self, token: Secret) -> SocketModeHandler:
        logger = logging.getLogger("slack_sdk.socket_mode")  # our own would tell of every connection
        return SocketModeHandler(self.slack.bolt, token.reveal(), web_client=self.slack.client, logger=logger)

    def _connect(self, handler: SocketModeHandler) -> None:
        try:
            handler.connect()  # type: ignore[no-untyped-call]
        except SlackApiError as problem:
            raise UserError(
                f"SLACK_APP_TOKEN does not work ({reason(problem)}); make an app-level token with connections:write, with Socket Mode on"
            ) from problem
        except (SlackClientError, OSError, HTTPException) as problem:
            raise unreachable(self.slack.client, problem) from problem
        if not self.connected():
            LOG.warning("Slack's socket cannot be reached yet; it is tried again every ten seconds")


def hang_up(handler: SocketModeHandler, seconds: float = HANGING_UP) -> None:
    """Close Socket Mode. A client that is just connecting forgets that it is to end and would never return, so it is told until it did."""
    client = handler.client
    client.auto_reconnect_enabled = False  # or it might take the silence that follows for a loss
    ending = threading.Thread(target=_close, args=(handler,), name="hang-up", daemon=True)
    ending.start()
    end = time.monotonic() + seconds
    while ending.is_alive() and time.monotonic() < end:
        client.current_session_state.terminated = True
        _hear_no_more(client.current_session)
        ending.join(0.05)
    if ending.is_alive():
        LOG.warning("Slack's socket did not close within %g s; going on without", seconds)


def _close(handler: SocketModeHandler) -> None:
    """Acknowledge what was heard, then close."""
    client = handler.client
    while not client.message_queue.empty():
        time.sleep(0.01)
    client.closed = True
    client.message_queue.put(None)  # wakes the thread that waits for a message
    client.message_processor.shutdown()  # type: ignore[no-untyped-call]
    client.message_workers.shutdown()
    handler.close()  # type: ignore[no-untyped-call]


def _hear_no_more(session: Connection | None) -> None:
    """End the wait for Slack's next words, for which the client would hold its socket open up to three seconds more.

    Ours can still be sent. A socket's own method is used because that of TLS would forget the key, and send what follows in the clear.
    """
    connection = session.sock if session else None
    if connection is not None:
        with suppress(OSError):  # closed meanwhile
            socket.socket.shutdown(connection, socket.SHUT_RD)


def warm_up(tools: Tools) -> None:
    """Load what the first question would wait for: the engine, fonts and the drawing library."""
    from finops.charts import draw
    from finops.query import parse

    now = tools.now()
    try:
        answer = tools.ledger.answer(parse("last 7d by=team", tools.today(now)), now, parts=True)
    except FinopsError as problem:  # whoever asks will hear of it; the bot can still say so
        LOG.error("the ledger does not answer: %s", problem)
        return
    if answer.sums:
        draw(answer)


def run(tools: Tools, only: str | None) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    stopping = Stopping()
    if only == "jobs":
        return _run_jobs(tools, stopping)
    if only == "api":
        return _run_api(tools, stopping)
    service = Service(tools, http=only is None or tools.settings.slack_app_token is None, door=only is None)
    clock = scheduler(tools, service.slack.client) if only is None else None
    try:
        service.start()
        if clock:
            clock.start()
        LOG.info("finops-bot answers in Slack%s", f"; health on port {service.http_port}" if service.http_port else "")
        stopping.wait()
    finally:
        with _stopping_beside(clock):
            service.stop()
    return 0


def _run_jobs(tools: Tools, stopping: Stopping) -> int:
    """Run what the clock asks for, without listening to anybody; Slack hears of failures where a token and a channel are set."""
    tools.align("start")
    clock = scheduler(tools)
    clock.start()
    LOG.info("finops-bot runs its jobs")
    stopping.wait()
    clock.stop()
    return 0


def _run_api(tools: Tools, stopping: Stopping) -> int:
    """Take in usage events and answer machines; nobody in Slack."""
    tools.align("start")
    door = UsageDoor(tools)
    server = HttpServer(door.application(), tools.settings.http_address)
    door.start()
    server.start()
    LOG.info("finops-bot takes usage events and questions on port %s", server.port)
    stopping.wait()
    door.leave()
    server.stop()
    door.stop()
    return 0


@contextmanager
def _stopping_beside(clock: Scheduler | None) -> Iterator[None]:
    """Stop the clock while the rest stops: both take their seconds, and a kill comes soon."""
    ending = threading.Thread(target=clock.stop) if clock else None
    if ending:
        ending.start()
    try:
        yield
    finally:
        if ending:
            ending.join()
