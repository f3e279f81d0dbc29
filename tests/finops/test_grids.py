"""A table is laid out the same everywhere, and columns nobody fills are left out."""

from decimal import Decimal

from finops.telling.grids import Cell, Grid, count_cell, each_cell, filled, money_cell, name_cell, several, share_cell


def grid(*rows: tuple[Cell, ...]) -> Grid:
    return Grid("Costs", ("team", "cost", "per 1k", "cached"), rows)


def test_numbers_stand_to_the_right_and_names_to_the_left() -> None:
    rows = [(name_cell("ml"), money_cell(Decimal(12), "USD"), each_cell(Decimal("0.00504"), "USD"), share_cell(0.4))]
    rows.append((name_cell("platform"), money_cell(Decimal(1), "USD"), each_cell(None, "USD"), share_cell(None)))
    assert [
        "team        cost    per 1k  cached",
        "ml        $12.00  $0.00504    40 %",
        "platform   $1.00         –       –",
    ] == grid(*rows).text().split("\n")


def test_columns_without_any_figure_are_left_out() -> None:
    row = (name_cell("ml"), money_cell(None, "USD"), each_cell(None, "USD"), count_cell(3))
    assert ("team", "cost", "cached") == filled(grid(row), 2).head


def test_currencies_are_told_apart_by_a_column_after_the_first() -> None:
    one, other = (grid((name_cell("ml"), Cell(sign), Cell(""), Cell(""))) for sign in "12")
    joined = several([one, other], ["USD", "EUR"], "currency")
    assert ("team", "currency", "cost", "per 1k", "cached") == joined.head
    assert [("ml", "USD", "1"), ("ml", "EUR", "2")] == [tuple(cell.text for cell in row[:3]) for row in joined.rows]
