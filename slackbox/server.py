"""Starts and stops a local Slack in a thread of its own, on loopback only."""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from slackbox.http_wire import HttpWire
from slackbox.rig import Rig, Wire
from slackbox.routes import application
from slackbox.settings import Settings
from slackbox.sockets import SocketWire
from slackbox.world import World

__all__ = ["Settings", "Slackbox", "start"]
START_SECONDS = 10.0
LOOK_SECONDS = 0.5


class Protocol(H11Protocol):
    """Lets an endpoint hang up: `drop_response` needs the connection itself."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the connection within reach of the application."""
        super().connection_made(transport)
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await inner({**scope, "slackbox.transport": transport}, receive, send)

        self.app = app


class Slackbox:
    """A running local Slack; leave the `with` and it is gone."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._listener = socket.create_server(("127.0.0.1", settings.port))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.api_url = f"{self.url}/api/"
        self.rig = Rig.build(settings, self.url)
        self.rig.wire = wire_for(settings, self.rig)
        self._server = uvicorn.Server(configuration(self.rig))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slackbox", daemon=True)

    @property
    def world(self) -> World:
        """The workspace; read it freely, change it through the calls."""
        return self.rig.world

    def start(self) -> "Slackbox":
        """Begin to serve; returns once it does."""
        ready = threading.Event()
        self._ready = ready
        self._thread.start()
        if not ready.wait(START_SECONDS):
            raise RuntimeError(f"slackbox did not start on {self.url} within {START_SECONDS:g} s; is the machine overloaded?")
        return self

    def stop(self) -> None:
        """End every connection and the thread."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._begin_to_stop)
            self._thread.join()
        self._listener.close()

    def wait(self) -> None:
        """Stay until it is stopped. Waits for no thread: a Ctrl-C in a join leaves Python thinking that the thread has ended.

        Looks again and again, for a Ctrl-C that comes just before a wait does not end it.
        """
        while not self._ended.wait(LOOK_SECONDS):
            pass

    def __enter__(self) -> "Slackbox":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ended.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.rig.stopping = asyncio.Event()
        self._loop.call_soon(self._ready.set)  # the socket already listens: calls made now are answered in a moment
        try:
            await self._server.serve(sockets=[self._listener])
        finally:
            await self.rig.close()

    def _begin_to_stop(self) -> None:
        self.rig.stopping.set()
        self.rig.world.changed()  # wakes the event streams, which see that it is over
        for task in list(self.rig.tasks):
            task.cancel()
        if isinstance(self.rig.wire, SocketWire):
            self.rig.wire.abandon()
        self._server.should_exit = True


def configuration(rig: Rig) -> uvicorn.Config:
    """Quiet, without start-up events, and quick to stop."""
    return uvicorn.Config(
        application(rig),
        http=cast(Any, Protocol),
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


def wire_for(settings: Settings, rig: Rig) -> Wire:
    """HTTP when there is an address to post to, sockets otherwise."""
    if settings.request_url:
        return HttpWire(settings, rig.clock, settings.request_url)
    return SocketWire(settings.ack_seconds)


def start(settings: Settings) -> Slackbox:
    """A local Slack that answers when this returns."""
    return Slackbox(settings).start()
