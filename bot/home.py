"""App Home: how to ask, and how fresh the bills are."""

from collections.abc import Sequence
from typing import Final

from bot.blocks import Message
from bot.slack_text import context, mrkdwn, section
from finops.answers import Freshness

SHOWN: Final = 25  # bills; a section holds 3,000 characters


def home_view(sources: Sequence[Freshness], how: Message) -> Message:
    """Return the blocks of the Home tab: the bills first, then `how` to ask."""
    lines = [f"*{mrkdwn(one.source, 60)}* reaches {one.last_day}, complete before {one.complete_until}" for one in sources[:SHOWN]]
    more = [f"… and {len(sources) - SHOWN} more: `/cost sources`"] if len(sources) > SHOWN else []
    fresh = "\n".join(["*Bills in the ledger*", *lines, *more]) if lines else "*No bill is loaded yet.*"
    told = context(["Type `/cost` in any channel; only you see the answer until you share it."], "home.how")
    return Message(how.text, [section(fresh, "home.sources"), told, *how.blocks])
