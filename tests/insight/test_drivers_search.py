"""Causes are found by the ratios of their cells, whatever the money, the names and the order of what else there is."""

from dataclasses import replace
from decimal import Decimal
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.insight.drivers import SURE, drivers, rest
from finops.insight.drivers_cube import Cell, Cube, cube_of
from finops.insight.drivers_search import Search
from finops.insight.drivers_slices import leaves
from finops.insight.drivers_told import Driver, exact_difference, exact_sum
from tests.insight.cubes_made import noisy, plain

Key = tuple[tuple[str, str], ...]
SMALL = [("tiny", f"s{n}", "eu" if n % 2 else "us") for n in range(12)]


def texts(found: tuple[Driver, ...]) -> list[str]:
    return [driver.text for driver in found]


def one_large_cell(ratio: float) -> Cube:
    """One cell of 6,000 that rose by a quarter, eight of 100, and twelve of a dollar whose account multiplied."""
    chance = np.random.default_rng(5)
    cells = {("big", "s0", "eu"): 6000.0} | {("big", f"s{n}", "us"): 100.0 for n in range(1, 9)} | dict.fromkeys(SMALL, 20.0)
    noise = np.clip(1 + chance.normal(0, 0.2, len(cells)), 0.1, None)
    after = {key: money * by * (ratio if key[0] == "tiny" else 1) for (key, money), by in zip(cells.items(), noise, strict=True)}
    return plain(("account", "sku", "region"), {key: (str(money), f"{after[key]:.4f}") for key, money in cells.items()})


@pytest.mark.parametrize("ratio", [3.0, 0.2])
def test_the_noise_of_one_large_cell_does_not_drown_a_cause_among_many_small_ones(ratio: float) -> None:
    assert "account=tiny" == drivers(one_large_cell(ratio))[0].text


def test_two_causes_within_one_value_are_told_apart_from_it() -> None:
    """Both teams of region eu moved by about as much, and the third team there did not: it is not region=eu."""
    chance = np.random.default_rng(1)
    cells = []
    for region, team, sku in product(("eu", "us"), "abc", range(12)):
        ratio = 3.0 if region == "eu" and team != "c" else 1.0
        cells.append(Cell((region, team, str(sku)), Decimal(100), Decimal(f"{100 * ratio * (1 + chance.normal(0, 0.2)):.4f}")))
    found = drivers(cube_of(("region", "team", "sku"), cells))
    assert {"region=eu AND team=a", "region=eu AND team=b"} == set(texts(found)[:2])


@pytest.mark.parametrize("ratio", [3.0, 0.3, 0.0])
@pytest.mark.parametrize("key", [(("model", "3"),), (("model", "1"), ("team", "2")), (("provider", "1"), ("feature", "0"))])
def test_a_cause_below_or_beside_an_implied_value_is_named_by_its_own_cells(key: Key, ratio: float) -> None:
    """Every model implies its provider, so the provider is named only where all of its models moved."""
    cube = noisy(11, causes={key: ratio})
    first = drivers(cube)[0]
    assert np.array_equal(cube.inside(key), cube.inside(first.key))
    assert {name for name, _ in key} == {name for name, _ in first.key}


def test_what_is_new_among_noise_is_found() -> None:
    cube = noisy(3)
    began = cube.inside((("feature", "2"),))
    new = replace(cube, before=tuple(Decimal(0) if one else money for one, money in zip(began, cube.before, strict=True)))
    assert "feature=2" == drivers(new)[0].text


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_told_by_its_money_and_nothing_is_beyond_doubt(seed: int) -> None:
    cube = noisy(seed, 600)
    search = Search.of(leaves(cube), 3)
    (best, *_) = search.best(search.leaves.before)
    assert search.worth([best]) < SURE
    assert cube.change == exact_sum([*(driver.excess for driver in drivers(cube)), rest(cube, drivers(cube))])


@given(st.integers(0, 50), st.sampled_from([Decimal("0.37"), Decimal(3), Decimal(1000), Decimal("1e-6")]))
@settings(max_examples=20, deadline=None)
def test_money_by_any_factor_changes_no_key(seed: int, times: Decimal) -> None:
    cube = noisy(seed, 300, causes={(("model", "1"),): 3.0, (("team", "2"),): 0.3})
    scaled = replace(cube, before=tuple(money * times for money in cube.before), after=tuple(money * times for money in cube.after))
    assert texts(drivers(cube)) == texts(drivers(scaled))


@given(st.integers(0, 50), st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_other_names_for_values_and_another_order_change_nothing_else(seed: int, chance: Random) -> None:
    cube = noisy(seed, 300, causes={(("model", "1"), ("env", "0")): 3.0})
    names = [[f"n{number}" for number in range(len(values))] for values in cube.values]
    order = list(range(len(cube.before)))
    chance.shuffle(order)
    for each in names:
        chance.shuffle(each)
    rows = [Cell(tuple(names[d][code] for d, code in enumerate(cube.codes[n])), cube.before[n], cube.after[n]) for n in order]
    renamed = cube_of(cube.dimensions, rows)
    back = [{new: cube.values[d][code] for code, new in enumerate(each)} for d, each in enumerate(names)]
    found = [tuple((name, back[cube.dimensions.index(name)][str(value)]) for name, value in one.key) for one in drivers(renamed)]
    assert [(one.key, one.excess) for one in drivers(cube)] == list(zip(found, [one.excess for one in drivers(renamed)], strict=True))


@given(st.integers(0, 200))
@settings(max_examples=40, deadline=None)
def test_cells_that_drivers_share_are_counted_once(seed: int) -> None:
    """Each says from what to what its own cells moved, and together they are the change of all their cells."""
    cube = noisy(seed, 300, causes={(("model", "0"),): 3.0, (("team", "0"),): 2.5})
    found = drivers(cube)
    union = np.any([cube.inside(driver.key) for driver in found], axis=0)
    assert all(driver.excess == exact_difference(driver.after, driver.before) for driver in found)
    assert cube.part(union).change == exact_sum(driver.excess for driver in found)


def test_a_part_of_another_driver_leaves_it_the_rest() -> None:
    """Clouds a and b are alike but for one service of a, which trebled while all else of a halved."""
    cells = [(cloud, f"{cloud}{service}", f"{cloud}{service}{n}") for cloud in "ab" for service in range(5) for n in range(6)]
    after = {key: (300 if key[1] == "a0" else 50 if key[0] == "a" else 100) + 2 * int(key[2][-1]) - 5 for key in cells}
    found = drivers(plain(("provider", "service", "sku"), {key: ("100", str(after[key])) for key in cells}))
    assert {"service=a0": (Decimal(600), False), "provider=a": (Decimal(2400), True)} == {
        driver.text: (driver.before, driver.rest) for driver in found
    }


def test_cells_that_cost_nothing_decide_nothing() -> None:
    """A free model of team a makes `team=a` and `model=x` different cells, but not different money."""
    cells = {("a", "x", str(n)): ("10", "40") for n in range(4)} | {("b", "y", str(n)): ("10", f"{9 + n * 0.7}") for n in range(4)}
    free = cells | {("a", "free", str(n)): ("0", "0") for n in range(4)}
    names = ("team", "model", "sku")
    assert texts(drivers(plain(names, cells))) == texts(drivers(plain(names, free)))
