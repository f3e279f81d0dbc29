"""Socket Mode: the app's connections, envelopes out and acknowledgements in."""

import asyncio
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from slackbox.rig import Reply, Rig

MOST_SOCKETS = 10
TYPES = {"command": "slash_commands", "interaction": "interactive", "event": "events_api"}


@dataclass
class SocketWire:
    """All sockets of one app; each envelope goes to one of them, in turn."""

    ack_seconds: float
    name: str = "socket"
    sockets: list[WebSocket] = field(default_factory=list)
    waiting: dict[str, "asyncio.Future[Reply]"] = field(default_factory=dict)
    turn: int = 0

    def connected(self) -> bool:
        """At least one socket is open."""
        return bool(self.sockets)

    async def send(self, kind: str, payload: dict[str, Any], retry_num: int, retry_reason: str) -> Reply:
        """Put it in an envelope and wait for the acknowledgement."""
        if not self.sockets:
            return Reply(0, reason="connection_failed")
        socket = self.sockets[self.turn % len(self.sockets)]
        self.turn += 1
        envelope = {"envelope_id": str(uuid.uuid4()), "type": TYPES[kind], "payload": payload, "accepts_response_payload": kind != "event"}
        if kind == "event":
            envelope |= {"retry_attempt": retry_num, "retry_reason": retry_reason}
        return await self._exchange(socket, envelope)

    async def _exchange(self, socket: WebSocket, envelope: dict[str, Any]) -> Reply:
        name = envelope["envelope_id"]
        self.waiting[name] = asyncio.get_running_loop().create_future()
        try:
            await socket.send_text(json.dumps(envelope))
            async with asyncio.timeout(self.ack_seconds):
                return await self.waiting[name]
        except TimeoutError:
            return Reply(0, reason="http_timeout")
        except (RuntimeError, OSError, WebSocketDisconnect):
            return Reply(0, reason="connection_failed")
        finally:
            del self.waiting[name]

    def acknowledged(self, text: str) -> None:
        """An envelope came back, perhaps with something in it."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return
        future = self.waiting.get(message.get("envelope_id", "")) if isinstance(message, dict) else None
        if future is not None and not future.done():
            payload = message.get("payload")
            future.set_result(Reply(200, json.dumps(payload) if payload else "", True))

    def abandon(self) -> None:
        """Stop waiting for acknowledgements: this Slack is going away."""
        for future in self.waiting.values():
            if not future.done():
                future.set_result(Reply(0, reason="connection_failed"))

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask every connection to go and come again."""
        for socket in list(self.sockets):
            await socket.send_text(json.dumps({"type": "disconnect", "reason": reason, "debug_info": {"host": "slackbox"}}))
            self.sockets.remove(socket)
            await socket.close(1000)


async def serve(rig: Rig, socket: WebSocket) -> None:
    """One connection from hello to goodbye."""
    wire, ticket = rig.wire, socket.query_params.get("ticket", "")
    if not isinstance(wire, SocketWire) or ticket not in rig.sockets_offered:
        await socket.close(1008)
        return
    rig.sockets_offered.discard(ticket)
    await socket.accept()
    if len(wire.sockets) >= MOST_SOCKETS:
        await socket.send_text(json.dumps({"type": "disconnect", "reason": "too_many_websockets", "debug_info": {"host": "slackbox"}}))
        await socket.close(1000)
        return
    wire.sockets.append(socket)
    rig.world.changed()
    try:
        await socket.send_text(json.dumps(hello(rig, len(wire.sockets))))
        while True:
            wire.acknowledged(await socket.receive_text())
    except (WebSocketDisconnect, RuntimeError, KeyError):
        return
    finally:
        if socket in wire.sockets:
            wire.sockets.remove(socket)
        rig.world.changed()


def hello(rig: Rig, connections: int) -> dict[str, Any]:
    """The first word on a socket."""
    return {
        "type": "hello",
        "num_connections": connections,
        "connection_info": {"app_id": rig.world.app_id},
        "debug_info": {"host": "slackbox", "build_number": 1, "approximate_connection_time": 18060},
    }
