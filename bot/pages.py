"""Plain pages of lines: what is told in words rather than figures."""

from collections.abc import Iterable
from typing import Final

from bot.blocks import Message, PictureRef, picture_block
from bot.charts_native import grid_block
from bot.slack_text import block_of_code, mrkdwn, section
from finops.telling.grids import Grid

MOST_PAGES: Final = 4  # all blocks of a message together hold about 12,000 characters


def lines_message(
    title: str,
    lines: Iterable[str],
    *,
    trusted: bool = False,
    code: Iterable[str] = (),
    grids: Iterable[Grid] = (),
    picture: PictureRef | None = None,
) -> Message:
    """Lay lines out under a bold title in as few sections as hold them; `trusted` lines are mrkdwn of our own, `code` stands as it is."""
    pages = [f"*{mrkdwn(title, 150)}*"]
    for line in lines:
        shown = line if trusted else mrkdwn(line, 600)
        if len(pages[-1]) + len(shown) < 2900:
            pages[-1] += f"\n{shown}"
        elif len(pages) < MOST_PAGES:
            pages.append(shown)
        else:
            pages[-1] += "\n…"
            break
    blocks = [section(page, f"lines.{number}") for number, page in enumerate(pages)]
    blocks += [picture_block(picture, "picture")] if picture else []
    blocks += [grid_block(grid, f"grid.{number}") for number, grid in enumerate(grids) if grid.rows]
    blocks += [section(block_of_code(text.splitlines()), f"code.{number}") for number, text in enumerate(code)]
    return Message(mrkdwn(title, 150), blocks)
