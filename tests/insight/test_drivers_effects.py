"""A change split by what caused it: each cause alone is told alone, and all of them sum to the change."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.insight.drivers_cube import Cell, Cube, cube_of
from finops.insight.drivers_told import EFFECTS, EffectName, exact_sum
from finops.insight.drivers_why import explain
from finops.insight.effects import effects, facts
from tests.insight.cubes_made import counted, plain, requested, use

STEADY = requested(("a", "mini"), {"requests": 10}, {"requests": 10})
USE = st.fixed_dictionaries(
    {
        "requests": st.integers(0, 50),
        "tokens": st.integers(1, 10**7),
        "cached": st.sampled_from([0.0, 0.1, 0.5, 1.0]),
        "price": st.floats(0.1, 9),
    }
)
KEYS = st.tuples(st.sampled_from("ab"), st.sampled_from(["mini", "opus", "new"]))
REQUESTED = st.builds(requested, KEYS, USE, USE)
MONEY = st.decimals(-1000, 10**9, places=10)
BARE = st.builds(Cell, KEYS, MONEY, MONEY)
QUANTITY = st.tuples(st.decimals(0, 10**6, places=6).map(str), st.floats(0, 10**6))
CELLS = st.lists(st.one_of(REQUESTED, BARE, st.builds(counted, KEYS, QUANTITY, QUANTITY)), max_size=8)


def cube(*cells: Cell) -> Cube:
    return cube_of(("team", "model"), cells)


def told(*cells: Cell) -> dict[str, float]:
    """The effects that are there, as numbers a reader can check."""
    return {name: round(float(amount), 6) for name, amount in effects(cube(*cells)).amounts.items() if round(amount, 6)}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"requests": 10}, {"requests": 20}, {"volume": 45.0}),
        ({"requests": 10}, {"requests": 10, "price": 2.0}, {"price": 45.0}),
        ({"requests": 10}, {"requests": 10, "tokens": 2_000_000}, {"intensity": 45.0}),
        ({"requests": 10, "cached": 0.5}, {"requests": 10}, {"cache": 13.5}),
        ({"requests": 10}, {"requests": 0}, {"gone": -45.0}),
        ({"requests": 0}, {"requests": 10}, {"new": 45.0}),
    ],
    ids=["volume", "price", "intensity", "cache", "gone", "new"],
)
def test_one_cause_alone_is_the_only_effect(before: dict[str, Any], after: dict[str, Any], expected: dict[str, float]) -> None:
    """Ten requests of a million tokens in and a tenth out cost 30 + 15."""
    assert expected == told(STEADY, requested(("b", "opus"), before, after))


def test_requests_that_move_to_a_dearer_model_are_mix() -> None:
    """Five of twenty requests at 4.5 move to 9.0: 22.5 more."""
    cheap = requested(("a", "mini"), {"requests": 15}, {"requests": 10})
    dear = requested(("a", "opus"), {"requests": 5, "price": 2.0}, {"requests": 10, "price": 2.0})
    assert {"mix": 22.5} == told(cheap, dear)


def test_a_model_that_takes_over_from_another_is_mix_and_not_new() -> None:
    gone = requested(("a", "opus"), {"requests": 10, "price": 2.0}, {"requests": 0})
    assert {"mix": -45.0} == told(gone, requested(("a", "mini"), {"requests": 0}, {"requests": 10}))


def test_a_new_model_beside_the_old_is_new() -> None:
    assert {"new": 45.0} == told(STEADY, requested(("a", "opus"), {"requests": 0}, {"requests": 10}))


def test_a_cloud_bill_is_split_into_price_and_volume() -> None:
    """100 hours at 1.00 become 150 at 1.20: at the mean price and at the mean quantity."""
    assert {"volume": 55.0, "price": 25.0} == told(counted(("a", "vm"), ("100", 100), ("180", 150)))


def test_where_no_use_is_known_money_is_new_gone_or_other() -> None:
    cells = {("a", "x"): ("0", "7"), ("b", "x"): ("5", "0"), ("c", "x"): ("10", "12")}
    assert {"new": 7, "gone": -5, "other": 2} == {
        name: int(amount) for name, amount in effects(plain(("team", "model"), cells)).amounts.items() if amount
    }


def test_twice_the_price_and_twice_the_requests_share_what_both_made() -> None:
    """45 become 180: each alone would make 45 more, together 135, so each gets 67.5."""
    assert {"price": 67.5, "volume": 67.5} == told(requested(("a", "mini"), {"requests": 10}, {"requests": 20, "price": 2.0}))


def test_facts_tell_what_was_used() -> None:
    found = facts(cube(requested(("a", "mini"), {"requests": 10, "cached": 0.5}, {"requests": 20, "cached": 0.0})))
    assert ((10.0, 20.0), (0.5, 0.0)) == (found.requests, found.cached)
    assert (1_100_000.0, 1_100_000.0) == found.tokens_per_request


@given(CELLS)
@settings(max_examples=50)
def test_effects_sum_to_the_change_to_the_last_digit(cells: list[Cell]) -> None:
    found = effects(cube(*cells))
    assert cube(*cells).change == found.total
    assert set(EFFECTS) == set(found.amounts)


@given(CELLS)
@settings(max_examples=50)
def test_both_periods_swapped_give_the_same_effects_negated(cells: list[Cell]) -> None:
    swapped = [Cell(each.key, each.after, each.before, each.used_after, each.used_before) for each in cells]
    forth, back = effects(cube(*cells)).amounts, effects(cube(*swapped)).amounts
    size = float(exact_sum([abs(each.before) + abs(each.after) for each in cells]))
    turned: dict[EffectName, EffectName] = {"new": "gone", "gone": "new"}
    assert {name: float(amount) for name, amount in forth.items()} == pytest.approx(
        {name: -float(back[turned.get(name, name)]) for name in EFFECTS},
        abs=1e-9 * size + 1e-9,
    )


@given(CELLS, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_rows_changes_no_effect(cells: list[Cell], chance: Any) -> None:
    shuffled = list(cells)
    chance.shuffle(shuffled)
    amounts = effects(cube(*shuffled)).amounts
    assert {name: float(amount) for name, amount in effects(cube(*cells)).amounts.items()} == pytest.approx(
        {name: float(amount) for name, amount in amounts.items()}, abs=1e-6
    )


@given(CELLS)
@settings(max_examples=50)
def test_an_explanation_adds_up_both_ways(cells: list[Cell]) -> None:
    why = explain(cube(*cells))
    assert why.change == why.effects.total == exact_sum([why.other, *(driver.excess for driver in why.drivers)])


def test_a_cell_without_requests_keeps_its_money() -> None:
    assert (Decimal(0), None) == use(0)
