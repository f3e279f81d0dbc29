"""The `/_box` calls: one table of what a person at the page, or a test, can do."""

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slackbox import deliveries, human
from slackbox.rig import Fault, RefusedError, Rig
from slackbox.sockets import SocketWire
from slackbox.web_api import METHODS

Body = dict[str, Any]
Call = Callable[[Rig, Body], Awaitable[Body]]
EXTRA_FAULTS = ("response_url", "upload", "socket")
MOST_TIMES = 100


async def clock(rig: Rig, body: Body) -> Body:
    """Set or move the clock."""
    if "now" in body:
        rig.clock.set(number(body, "now"))
    elif "advance_seconds" in body:
        rig.clock.advance(number(body, "advance_seconds"))
    else:
        raise RefusedError("invalid_arguments", "give now or advance_seconds", status=400)
    rig.world.changed()
    return {"now": rig.clock.now()}


def number(body: Body, name: str) -> float:
    """A number, or a sentence that asks for one."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RefusedError("invalid_arguments", f"{name} is {value!r}; give a number", status=400)
    return float(value)


async def fault(rig: Rig, body: Body) -> Body:
    """Make the next calls of a method go wrong; `socket` drops the connections at once."""
    method = str(body.get("method"))
    known = [*METHODS, *EXTRA_FAULTS]
    if method not in known:
        near = difflib.get_close_matches(method, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; use one of {', '.join(sorted(known))}"
        raise RefusedError("unknown_method", f"{method!r} is no method here{hint}", status=400)
    if method == "socket":
        if isinstance(rig.wire, SocketWire):
            await rig.wire.disconnect(str(body.get("error") or "refresh_requested"))
        return {}
    wanted = {name: body[name] for name in Fault.__annotations__ if body.get(name) is not None}
    rig.faults.setdefault(method, []).append(Fault(**wanted))
    return {}


async def deliver(rig: Rig, body: Body) -> Body:
    """Send a past delivery again: `times` at once, as a retry if `retry_num` says so."""
    found = rig.sent.get(str(body.get("log_id")))
    if found is None:
        raise RefusedError("not_found", f"{body.get('log_id')!r} is no delivery in the log", status=404)
    times = min(int(body.get("times") or 1), MOST_TIMES)
    retry = int(body.get("retry_num") or 0)
    replies = await asyncio.gather(*(again(rig, found, retry) for _ in range(times)))
    return {"deliveries": list(replies)}


async def again(rig: Rig, sent: tuple[str, Body, Body], retry: int) -> Body:
    """One repetition, its answer handled as the first one's was."""
    kind, payload, context = sent
    reply = await deliveries.deliver(rig, kind, payload, context, retry, "http_timeout" if retry else "")
    if kind == "command":
        human.command_answered(rig, reply, context)
    elif context.get("view"):
        human.submission_answered(rig, reply, context["view"], context["user"])
    elif kind == "interaction":
        human.interaction_answered(rig, reply, payload, context)
    return human.outcome(reply)


async def reset(rig: Rig, body: Body) -> Body:
    """Back to the seed."""
    rig.reset()
    return {}


CALLS: Mapping[str, Call] = {
    "command": human.type_command,
    "message": human.say,
    "interact": human.interact,
    "submit": human.submit,
    "close": human.close,
    "home": human.open_home,
    "clock": clock,
    "fault": fault,
    "deliver": deliver,
    "reset": reset,
}
