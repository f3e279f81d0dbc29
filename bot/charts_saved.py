"""Charts of answers in the terminal, as files."""

import re
from pathlib import Path

from bot.charts_native import worth_a_chart
from bot.replies import CostReply, Reply
from finops.charts import Picture, draw
from finops.charts_drawn import draw_drawing


def save_chart(said: Reply, given: Path | None) -> Path | None:
    """Write the chart of a reply where it is wanted, else below `charts`; None where there is nothing worth drawing."""
    picture = _picture(said, wanted=given is not None)
    if picture is None:
        return None
    name = said.answer.id if isinstance(said, CostReply) else plain_name(said.title)
    path = given or Path("charts") / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture.png)
    return path


def plain_name(title: str) -> str:
    """Return a file name of letters, digits and dashes."""
    return "-".join(re.findall("[a-z0-9]+", title.lower()))[:60] or "chart"


def _picture(said: Reply, *, wanted: bool) -> Picture | None:
    if isinstance(said, CostReply):
        return draw(said.answer) if wanted or worth_a_chart(said.answer) else None
    return draw_drawing(said.drawing) if said.drawing else None
