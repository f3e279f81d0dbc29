"""What was expected, cell by cell; and effects of a part, seen among all."""

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finops.insight.drivers_cube import Cell, cube_of
from finops.insight.drivers_told import exact_sum
from finops.insight.drivers_usual import beside_usual
from finops.insight.drivers_why import explain
from finops.insight.effects import effects
from tests.insight.cubes_made import plain, requested

money = st.decimals(min_value=-(10**6), max_value=10**6, places=10)


@given(st.lists(st.tuples(money, money), min_size=1, max_size=6), st.decimals(min_value=0, max_value=10**7, places=6))
def test_the_cells_come_to_what_was_expected_to_the_last_digit(amounts: list[tuple[Decimal, Decimal]], expected: Decimal) -> None:
    cube = cube_of(("team",), [Cell((f"t{n}",), before, after) for n, (before, after) in enumerate(amounts)])
    found = beside_usual(cube, expected)
    assert expected == found.totals[0]
    assert found.after == cube.after
    assert found.change == explain(found).effects.total


def test_the_usual_shares_and_use_are_rescaled() -> None:
    """Four usual weeks of 400 requests become the 20 that were expected of two days."""
    cells = [
        requested(("mini", "chat"), {"requests": 300}, {"requests": 15}),
        requested(("opus", "chat"), {"requests": 100}, {"requests": 10}),
    ]
    cube = cube_of(("model", "feature"), cells)
    found = beside_usual(cube, cube.totals[0] / 20)
    assert [each / 20 for each in cube.before] == list(found.before)
    assert found.used is not None
    assert np.array_equal([15, 5], found.used[0, :, 0])


def test_what_was_never_usual_is_all_excess() -> None:
    cube = cube_of(("team",), [Cell(("a",), Decimal(0), Decimal(9)), Cell(("b",), Decimal(0), Decimal(1))])
    assert (Decimal(0), Decimal(0)) == beside_usual(cube, Decimal(0)).before
    assert (Decimal(2), Decimal(0)) == beside_usual(cube, Decimal(2)).before


def test_a_model_that_takes_over_is_a_change_of_mix_even_when_it_is_told_by_itself() -> None:
    cells = [
        requested(("mini", "chat"), {"requests": 20}, {"requests": 0}),
        requested(("opus", "chat"), {"requests": 0}, {"requests": 20, "price": 9}),
        requested(("mini", "batch"), {"requests": 20}, {"requests": 20}),
    ]
    cube = cube_of(("model", "feature"), cells)
    inside = cube.inside((("model", "opus"),))
    assert "mix" == effects(cube, inside).main
    assert "new" == effects(cube.part(inside)).main
    assert cube.part(inside).change == effects(cube, inside).total


def test_the_effects_of_parts_sum_to_those_of_the_whole() -> None:
    cells = [requested((model, "chat"), {"requests": 10}, {"requests": more}) for model, more in (("mini", 30), ("opus", 5), ("nano", 0))]
    cube = cube_of(("model", "feature"), cells)
    halves = [effects(cube, cube.inside((("model", model),))).amounts for model in ("mini", "opus", "nano")]
    whole = effects(cube).amounts
    assert all(abs(exact_sum(half[name] for half in halves) - amount) < Decimal("1e-8") for name, amount in whole.items())


def test_drivers_are_looked_for_among_the_dimensions_asked_for() -> None:
    cells = {("a", "x"): ("10", "30"), ("a", "y"): ("10", "10"), ("b", "x"): ("10", "10"), ("b", "y"): ("10", "10")}
    cube = plain(("team", "env"), cells)
    assert ["env=x AND team=a"] == [driver.text for driver in explain(cube).drivers]
    assert ["team=a"] == [driver.text for driver in explain(cube, among=("team",)).drivers]
    assert explain(cube).effects == explain(cube, among=("team",)).effects
