"""A click or a form sent off, taken out of what Slack delivers. Pure: nothing in it is trusted beyond who sent it and where."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.messenger import Place
from finops.secret import Secret

VALUE: Final = re.compile(r"(P-[1-9][0-9]{0,8})\|([0-9a-f]{64})")
SHOWN_IN: Final = re.compile(r"(?:home\.)?([AP]-[0-9a-f]+)\.([0-9]+)\..*")


@dataclass(frozen=True)
class Click:
    """Who clicked what, where. `place` is None on the Home tab; `ts` names the message, `trigger` lets a form be opened."""

    user: str
    team: str
    action: str
    value: str
    place: Place | None
    ts: str | None = None
    block: str = ""
    trigger: str = ""

    @property
    def named(self) -> tuple[str, str] | None:
        """The proposal and the digest a button carries; None for anything that no button of ours does."""
        found = VALUE.fullmatch(self.value)
        shown = SHOWN_IN.fullmatch(self.block)
        if found is None or (shown is not None and shown[1] != found[1]):
            return None
        return found[1], found[2]

    @property
    def version(self) -> int | None:
        """The version of the proposal or alert that the clicked message shows."""
        found = SHOWN_IN.fullmatch(self.block)
        return int(found[2]) if found else None


def click_of(body: Mapping[str, Any], action: Mapping[str, Any]) -> Click:
    user, container = body["user"], body.get("container") or {}
    return Click(
        user=str(user["id"]),
        team=str(user.get("team_id") or (body.get("team") or {}).get("id") or ""),
        action=str(action.get("action_id", "")),
        value=str(action.get("value", "")),
        place=_place(body, container) if body.get("channel") else None,
        ts=container.get("message_ts") if not container.get("is_ephemeral") else None,
        block=str(action.get("block_id", "")),
        trigger=str(body.get("trigger_id", "")),
    )


def _place(body: Mapping[str, Any], container: Mapping[str, Any]) -> Place:
    url = body.get("response_url")
    return Place(str(body["channel"]["id"]), str(body["user"]["id"]), container.get("thread_ts"), Secret(url) if url else None)


def kept_of(click: Click) -> str:
    """Write down, for the form that a click opens, what was clicked; the response_url is left out, since Slack's clients see it."""
    place = click.place
    where = {"channel": place.channel, "thread": place.thread, "ts": click.ts} if place else {}
    return json.dumps({"value": click.value, "block": click.block, **where})


def sent_of(body: Mapping[str, Any], action: str) -> Click:
    """Return what was clicked before the form was opened, by whoever sent it off. Raises ValueError for a form that is none of ours."""
    kept, user = json.loads(body["view"]["private_metadata"]), body["user"]
    if not isinstance(kept, dict) or not isinstance(kept.get("value"), str):
        raise ValueError("the form does not say what it is about")
    place = Place(str(kept["channel"]), str(user["id"]), kept.get("thread")) if kept.get("channel") else None
    return Click(
        user=str(user["id"]),
        team=str(user.get("team_id") or (body.get("team") or {}).get("id") or ""),
        action=action,
        value=kept["value"],
        place=place,
        ts=kept.get("ts"),
        block=str(kept.get("block", "")),
    )
