"""Who asks, and what is said back: the same for Slack and the terminal."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from finops.answers import Answer
from finops.telling.answer_json import document
from finops.telling.drawings import Drawing
from finops.telling.grids import Grid


@dataclass(frozen=True)
class Asking:
    """Who asks, as of which instant (UTC), and from which deliveries: all live ones, or those made by `known_at`."""

    asked_by: str
    until: datetime
    known_at: datetime | None = None
    chart: bool = False


@dataclass(frozen=True)
class CostReply:
    """An answer about cost."""

    answer: Answer
    today: date

    @property
    def document(self) -> dict[str, object]:
        return document(self.answer)


@dataclass(frozen=True)
class TextReply:
    """Anything else that is told in lines; `document` is what scripts get."""

    title: str
    lines: tuple[str, ...]
    document: dict[str, Any]
    is_help: bool = False
    code: tuple[str, ...] = ()  # shown to the letter, to be copied
    grid: Grid | None = None
    drawing: Drawing | None = None
    more: tuple[Grid, ...] = ()  # tables below the first

    def tables(self) -> tuple[str, ...]:
        """What a terminal shows below the lines."""
        return (*(grid.text() for grid in self.grids()), *self.code)

    def grids(self) -> tuple[Grid, ...]:
        return (*([self.grid] if self.grid else []), *self.more)


Reply = CostReply | TextReply
