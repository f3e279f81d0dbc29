"""The way into Slack: posts, edits and replies of the outbox, each recognisable by its key, so that none is doubled unseen."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from slack_sdk import WebClient

from bot.blocks import TEXT, Message, picture_block
from bot.messenger import Messenger, forms
from bot.references import References
from bot.slack_channels import Channels, Spot, unsent
from bot.slack_text import context
from bot.slack_trouble import TROUBLES, failure
from finops.charts_drawn import draw_drawing
from finops.ledger.ledger import Ledger
from finops.ledger.outbox import Letter, Reference, channel_of
from finops.routing import address
from finops.telling.names import cut
from jobs.routes import Parcel, RefusedError

LOG = logging.getLogger("finops.outbox.slack")
EVENT: Final = "finops_bot"
MOST_BLOCKS: Final = 50
CLOCKS_DIFFER: Final = timedelta(minutes=15)  # Slack's clock and ours
PAGES: Final = 20
BLIND: Final = "the answer was lost twice, and Slack does not let finops-bot look whether the message stands"


class SlackRoute:
    """Posts, edits and replies. The client must not repeat calls by itself: a lost answer would become two messages."""

    def __init__(self, client: WebClient, ledger: Ledger, channels: Channels, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client, self._ledger, self._channels = client, ledger, channels
        self._messenger = Messenger(client, sleep)
        self._refer = References(ledger, client)
        self._us: str | None = None

    def send(self, parcel: Parcel) -> Reference:
        """Return where the message stands. Raises NotSentError, LostError, RefusedError."""
        if parcel.letter.kind == "update":
            return self._edit(parcel)
        under = parcel.about if parcel.letter.kind == "thread" else None
        spot = Spot(under.channel, under.channel) if under else self._spot(parcel.letter)
        thread = under.ts if under else None
        if not parcel.letter.doubts:
            return self._post(parcel, spot.channel, thread, parcel.remarks())
        found, looked = self._look(parcel.letter, spot, thread)
        if found:
            LOG.info("%s stands in Slack; only the answer was lost", parcel.letter.key)
            return found
        if not looked and parcel.letter.doubts > 1:
            raise RefusedError(BLIND)
        return self._post(parcel, spot.channel, thread, parcel.remarks(may_repeat=True))

    def _spot(self, letter: Letter) -> Spot:
        spot = self._channels.spot(address(letter.route).name)
        return spot if spot.id else Spot(spot.channel, channel_of(self._ledger.engine, letter.route))

    def _edit(self, parcel: Parcel) -> Reference:
        """An edit says how things stand, so that repeating one changes nothing."""
        if parcel.about is None:
            raise RefusedError("there is no message to edit: it was never delivered")
        message = message_of(parcel, [])
        self._say(self._client.chat_update, message, channel=parcel.about.channel, ts=parcel.about.ts)
        return parcel.about

    def _post(self, parcel: Parcel, channel: str, thread: str | None, remarks: list[str]) -> Reference:
        metadata = {"event_type": EVENT, "event_payload": {"key": parcel.letter.key}}
        quiet = {"unfurl_links": False, "unfurl_media": False}
        message = self._drawn(parcel, message_of(parcel, remarks))
        if not message.blocks:  # a sentence; what has blocks links by itself
            message = replace(message, text=self._refer.linked(message.text))
        answer = self._say(self._client.chat_postMessage, message, channel=channel, thread_ts=thread, metadata=metadata, **quiet)
        return Reference(str(answer["channel"]), str(answer["ts"]))

    def _drawn(self, parcel: Parcel, message: Message) -> Message:
        """Put the picture in; a message goes out without one that Slack does not take."""
        if parcel.content.drawing is None or not message.blocks:
            return message
        picture = self._messenger.picture(draw_drawing(parcel.content.drawing))
        shown = [picture_block(picture, "picture")] if picture else []
        return replace(message, blocks=[*message.blocks[:1], *shown, *message.blocks[1:]])

    def _say(self, method: Any, message: Message, **how: Any) -> Any:
        """Call, once more with charts written out where Slack refuses the blocks."""
        meant, written, _ = forms(message)
        try:
            return method(text=meant.text, blocks=meant.blocks, **how)
        except TROUBLES as problem:
            why = failure(problem)
            if not isinstance(why, RefusedError) or not why.plainly or written.blocks == meant.blocks:
                raise why from problem
        try:
            return method(text=written.text, blocks=written.blocks, **how)
        except TROUBLES as problem:
            raise failure(problem) from problem

    def _look(self, letter: Letter, spot: Spot, thread: str | None) -> tuple[Reference | None, bool]:
        """Look for a message that may stand, and say whether one could look at all. Raises NotSentError."""
        if spot.id is None:
            return None, False
        try:
            for said in self._history(spot.id, letter.at - CLOCKS_DIFFER, thread):
                if self._is_it(said, letter.key):
                    return Reference(spot.id, str(said["ts"])), True
        except TROUBLES as problem:
            why = unsent(failure(problem))
            if not isinstance(why, RefusedError):
                raise why from problem
            LOG.warning("Slack does not let finops-bot look for %s (%s); see docs/alerts.md for the scopes", letter.key, why)
            return None, False
        return None, True

    def _history(self, channel: str, since: datetime, thread: str | None) -> Iterator[Mapping[str, Any]]:
        asked: dict[str, Any] = {"channel": channel, "oldest": f"{since.timestamp():.6f}", "limit": 200, "include_all_metadata": True}
        cursor = ""
        for _ in range(PAGES):
            if thread:
                page = self._client.conversations_replies(ts=thread, cursor=cursor, **asked)
            else:
                page = self._client.conversations_history(cursor=cursor, **asked)
            yield from page["messages"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    def _is_it(self, said: Mapping[str, Any], key: str) -> bool:
        """Whether a message is ours and carries the key: others could write our key into theirs."""
        metadata = said.get("metadata") or {}
        if metadata.get("event_type") != EVENT or (metadata.get("event_payload") or {}).get("key") != key:
            return False
        self._us = self._us or str(self._client.auth_test()["user_id"])
        return said.get("user") == self._us


def message_of(parcel: Parcel, remarks: list[str]) -> Message:
    """Return the message with what must be known of how it came."""
    text = " ".join([cut(parcel.content.text, TEXT - 200), *remarks]) or "–"
    blocks = [dict(block) for block in parcel.content.blocks]
    if remarks and blocks and len(blocks) < MOST_BLOCKS:
        blocks.append(context(remarks, "outbox.remarks"))
    return Message(text, blocks)
