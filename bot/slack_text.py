"""Text from outside made safe for Slack: nobody is mentioned, nothing is formatted by accident, every limit holds."""

from collections.abc import Iterable
from typing import Any, Final

from finops.telling.names import clean, cut

Block = dict[str, Any]

ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
TICK: Final = {"`": "ˋ"}
LOOKALIKES: Final = {"*": "∗", "~": "∼", **TICK}  # Slack has no way to escape its own formatting


def mrkdwn(text: str, most: int = 3000) -> str:
    """Escape text from outside for a mrkdwn field, at most `most` characters after escaping."""
    pieces = [ESCAPES.get(sign) or LOOKALIKES.get(sign) or sign for sign in clean(text)]
    return _joined(pieces, most)


def code(text: str, most: int = 300) -> str:
    """Show text as code, to be copied: only what would end the code is replaced."""
    pieces = [ESCAPES.get(sign) or TICK.get(sign) or sign for sign in clean(text)]
    return f"`{_joined(pieces, most) or ' '}`"


def block_of_code(lines: Iterable[str], most: int = 2900) -> str:
    """Show several lines as code, with their indentation."""
    escaped = ("".join(ESCAPES.get(sign) or TICK.get(sign) or sign for sign in line.rstrip()) for line in lines)
    return f"```{cut(chr(10).join(escaped), most)}```"


def plain(text: str, most: int) -> str:
    """Clean text from outside for a plain_text field; never empty, since Slack refuses that."""
    return cut(clean(text), most) or "–"


def section(text: str, block_id: str) -> Block:
    return {"type": "section", "block_id": block_id, "text": marked(text)}


def plain_section(text: str, block_id: str) -> Block:
    return {"type": "section", "block_id": block_id, "text": {"type": "plain_text", "text": text, "emoji": False}}


def context(texts: Iterable[str], block_id: str) -> Block:
    return {"type": "context", "block_id": block_id, "elements": [marked(text) for text in texts][:10]}


def marked(text: str) -> Block:
    """Build a mrkdwn object in which Slack looks for no links or channels of its own."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _joined(pieces: list[str], most: int) -> str:
    """Join whole pieces up to the limit, so that no entity is cut in two."""
    if sum(map(len, pieces)) <= most:
        return "".join(pieces)
    kept, room = [], most - 1
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + "…"
