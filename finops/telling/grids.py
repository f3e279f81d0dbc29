"""A table of figures, the same for a terminal and for Slack."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from finops.money import percent, show, show_each, signed
from finops.telling.names import clean, cut

UNKNOWN: Final = "–"


@dataclass(frozen=True)
class Cell:
    """What is shown, and the number behind it where there is one."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Grid:
    """Rows of cells under `head`; a column in which any cell is a number stands to the right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def text(self) -> str:
        """Return the table in fixed width."""
        shown = [self.head, *(tuple(cell.text for cell in row) for row in self.rows)]
        widths = [max(len(line[n]) for line in shown) for n in range(len(self.head))]
        right = [any(row[n].value is not None for row in self.rows) for n in range(len(self.head))]
        lines = [
            [text.rjust(wide) if far else text.ljust(wide) for text, wide, far in zip(line, widths, right, strict=True)] for line in shown
        ]
        return "\n".join("  ".join(line).rstrip() for line in lines)


def filled(grid: Grid, always: int) -> Grid:
    """Return the grid without columns nobody has a figure for; the first `always` stay."""
    kept = [n for n in range(len(grid.head)) if n < always or any(row[n].text not in ("", UNKNOWN) for row in grid.rows)]
    return Grid(grid.caption, tuple(grid.head[n] for n in kept), tuple(tuple(row[n] for n in kept) for row in grid.rows))


def name_cell(name: str, longest: int = 40) -> Cell:
    return Cell(cut(clean(name), longest))


def money_cell(amount: Decimal | None, currency: str) -> Cell:
    return Cell(UNKNOWN) if amount is None else Cell(show(amount, currency), float(amount))


def each_cell(amount: Decimal | None, currency: str) -> Cell:
    """What one of many costs."""
    return Cell(UNKNOWN) if amount is None else Cell(show_each(amount, currency), float(amount))


def change_cell(amount: Decimal | None, currency: str) -> Cell:
    return Cell(UNKNOWN) if amount is None else Cell(signed(amount, currency), float(amount))


def count_cell(count: int | Decimal | None) -> Cell:
    return Cell(UNKNOWN) if count is None else Cell(f"{count:,.0f}", float(count))


def share_cell(share: float | None, *, with_sign: bool = False) -> Cell:
    return Cell(UNKNOWN) if share is None else Cell(percent(share, signed=with_sign), share * 100)


def several(grids: Sequence[Grid], names: Sequence[str], head: str) -> Grid:
    """Join grids of the same columns, with a column after the first that tells them apart."""
    rows = [(row[0], Cell(name), *row[1:]) for grid, name in zip(grids, names, strict=True) for row in grid.rows]
    return Grid(grids[0].caption, (grids[0].head[0], head, *grids[0].head[1:]), tuple(rows))
