"""Which slices explain a change: the true ones first, and all that is told adds up to the change."""

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.insight.drivers import drivers, rest
from finops.insight.drivers_cube import Cell, Cube, cube_of
from finops.insight.drivers_told import OTHER, Driver, exact_sum
from tests.insight.cubes_made import noisy, plain

Rows = Sequence[tuple[tuple[str | None, ...], Any, Any]]
TEAMS = ("a", "b", None)
MONEY = st.decimals(-1000, 1_000_000, places=4)
CELLS = st.lists(st.tuples(st.tuples(*(st.sampled_from(each) for each in (TEAMS, ("x", "y"), ("1", "2", "3")))), MONEY, MONEY), max_size=14)


def texts(found: tuple[Driver, ...]) -> list[str]:
    return [driver.text for driver in found]


def made(rows: Rows, dimensions: tuple[str, ...] = ("team", "model", "env")) -> Cube:
    return cube_of(dimensions, [Cell(key, before, after) for key, before, after in rows])


def test_the_one_slice_that_moved_is_named_with_its_money() -> None:
    cube = plain(
        ("model", "feature"),
        {
            ("opus", "search"): ("100", "300"),
            ("opus", "chat"): ("100", "101"),
            ("mini", "search"): ("90", "90"),
            ("mini", "chat"): ("80", "79"),
        },
    )
    (driver,) = drivers(cube)
    assert ("feature=search AND model=opus", "200", "200") == (driver.text, str(driver.excess), str(cube.change))
    assert 1.0 == driver.share


def test_everything_that_rose_alike_is_one_driver() -> None:
    found = drivers(plain(("team", "env"), {(team, env): ("10", "15") for team in "abc" for env in ("prod", "dev")}))
    assert ["everything"] == texts(found)


def test_what_another_value_implies_is_left_out() -> None:
    """Provider P sells only model y, and nobody else does."""
    cells = {("P", "y", t): ("10", "40") for t in "abc"} | {("Q", m, t): ("10", "10.5") for m in ("u", "v") for t in "abc"}
    assert ["model=y"] == texts(drivers(plain(("provider", "model", "team"), cells)))


def test_what_nobody_owns_is_a_value_too() -> None:
    cells: dict[Any, tuple[str, str]] = {(team,): ("10", "10") for team in "abcd"} | {(None,): ("10", "50")}
    assert ["team=none"] == texts(drivers(plain(("team",), cells)))


def test_new_and_gone_values_are_found() -> None:
    cells = {("old", t): ("30", "0") for t in "ab"} | {("new", t): ("0", "50") for t in "ab"} | {("same", t): ("20", "20") for t in "ab"}
    found = {driver.text: str(driver.excess) for driver in drivers(plain(("model", "team"), cells))}
    assert {"model=new": "100", "model=old": "-60"} == found


def test_opposite_moves_are_both_told_though_nothing_changed_in_all() -> None:
    cube = plain(("team", "env"), {("a", e): ("50", "100") for e in "pq"} | {("b", e): ("100", "50") for e in "pq"})
    found = drivers(cube)
    assert {"team=a": None, "team=b": None} == {driver.text: driver.share for driver in found}
    assert 0 == cube.change == rest(cube, found)


def test_without_a_change_there_is_no_driver() -> None:
    assert () == drivers(plain(("team",), {("a",): ("5", "5"), ("b",): ("7", "7")}))
    assert () == drivers(cube_of(("team",), []))


def test_values_that_are_not_told_apart_are_never_a_cause() -> None:
    cube = plain(("team", "env"), {(OTHER, "prod"): ("10", "90"), (OTHER, "dev"): ("10", "90"), ("a", "prod"): ("5", "5")})
    assert not [driver for driver in drivers(cube) if OTHER in dict(driver.key).values()]


CAUSES = [
    {(("model", "3"),): 2.5},
    {(("model", "1"), ("team", "2")): 3.0},
    {(("feature", "0"), ("env", "1")): 0.3},
    {(("model", "0"), ("team", "1")): 3.0, (("feature", "2"),): 0.4},
    {(("region", "1"), ("team", "0")): 2.2, (("model", "2"), ("feature", "0")): 3.5},
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("causes", CAUSES, ids=lambda causes: " + ".join("&".join(map("=".join, key)) for key in causes))
def test_injected_causes_come_first_through_a_third_of_noise(seed: int, causes: dict[tuple[tuple[str, str], ...], float]) -> None:
    cube = noisy(seed, causes=causes)
    found = drivers(cube)[: len(causes)]
    assert {cube.inside(key).tobytes() for key in causes} == {cube.inside(driver.key).tobytes() for driver in found}


@given(CELLS)
@settings(max_examples=50)
def test_drivers_and_the_rest_sum_to_the_change(rows: Rows) -> None:
    cube = made(rows)
    found = drivers(cube)
    assert cube.change == exact_sum([*(driver.excess for driver in found), rest(cube, found)])


@given(CELLS, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_rows_and_dimensions_changes_nothing(rows: Rows, chance: Random) -> None:
    names, order = ("team", "model", "env"), [0, 1, 2]
    chance.shuffle(order)
    other = [(tuple(key[n] for n in order), before, after) for key, before, after in rows]
    chance.shuffle(other)
    assert drivers(made(rows)) == drivers(made(other, tuple(names[n] for n in order)))


@given(CELLS, st.sampled_from([2, 16, 1024]))
@settings(max_examples=50)
def test_more_money_by_a_factor_is_the_same_answer_by_that_factor(rows: Rows, times: int) -> None:
    scaled = [(key, before * times, after * times) for key, before, after in rows]
    one, many = drivers(made(rows)), drivers(made(scaled))
    assert texts(one) == texts(many)
    assert [driver.share for driver in one] == pytest.approx([driver.share for driver in many])
    assert [float(driver.excess) * times for driver in one] == pytest.approx([float(driver.excess) for driver in many])


def test_a_cube_of_twenty_thousand_cells_names_at_most_what_is_asked() -> None:
    cube = noisy(7, 20_000, causes={(("model", "1"),): 2.0, (("team", "3"),): 3.0})
    assert 1 == len(drivers(cube, most=1))


def test_a_cube_refuses_figures_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="0 cells of 1 dimensions"):
        Cube(("team",), (("a",),), np.zeros((1, 1), dtype=np.int64), (), ())  # one code, no money
