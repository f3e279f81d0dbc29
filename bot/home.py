"""App Home: how to ask, and how fresh the bills are."""

from collections.abc import Sequence

from bot.blocks import Message, help_blocks
from bot.slack_text import context, section
from finops.answers import Freshness
from finops.telling.names import clean


def home_view(sources: Sequence[Freshness]) -> Message:
    """Return the blocks of the Home tab."""
    help_page = help_blocks()
    lines = [f"*{clean(one.source)}* reaches {one.last_day}, complete before {one.complete_until}" for one in sources]
    fresh = section("\n".join(["*Bills in the ledger*", *lines]) if lines else "*No bill is loaded yet.*", "home.sources")
    return Message(
        help_page.text,
        [fresh, context(["Type `/cost` in any channel; only you see the answer until you share it."], "home.how"), *help_page.blocks],
    )
