"""Delivers to the app, keeps the log of it, and repeats events that were not acknowledged."""

import asyncio
from typing import Any

from slackbox.rig import Reply, Rig

NOBODY = Reply(0, reason="connection_failed")


async def deliver(rig: Rig, kind: str, payload: dict[str, Any], context: dict[str, Any], retry_num: int = 0, reason: str = "") -> Reply:
    """Send one command, interaction or event and log how it went."""
    line = rig.note(kind="delivery", type=kind, payload=payload, retry_num=retry_num, retry_reason=reason, status=None, seconds=None)
    rig.sent[line["id"]] = (kind, payload, context)
    began = asyncio.get_running_loop().time()
    reply = await rig.wire.send(kind, payload, retry_num, reason) if rig.wire else NOBODY
    line |= {"status": reply.status, "reason": reply.reason, "seconds": round(asyncio.get_running_loop().time() - began, 3)}
    return reply


async def event(rig: Rig, payload: dict[str, Any]) -> None:
    """An event, and its retries while it fails."""
    reply = await deliver(rig, "event", payload, {})
    for number, delay in enumerate(rig.settings.retry_delays, 1):
        if reply.ok or reply.no_retry:
            return
        await rig.sleep_until(rig.clock.now() + delay)
        reply = await deliver(rig, "event", payload, {}, number, reply.reason)
