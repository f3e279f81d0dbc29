"""The benchmark of causes: what counts as right, what is put in, and that the oracle finds what can be found."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.drivers_cases import EFFECTS, Case, Cells, Rows, injected, made, real_cells, right
from benchmarks.drivers_finders import FINDERS, ours
from benchmarks.drivers_oracle import oracle


def case(seed: int = 1, causes: int = 1, effect: str = "any") -> Case:
    found = made(seed, 400, 0.3, causes, effect)
    assert found is not None
    return found


def test_the_causes_in_any_order_are_right_and_a_cell_more_is_not() -> None:
    two = case(causes=2)
    assert right(two, [*two.causes[::-1]])
    wider = two.causes[0].copy()
    wider[int(np.argmin(wider))] = True
    assert not right(two, [wider, two.causes[1]])


def test_cells_that_cost_nothing_in_either_period_do_not_count() -> None:
    cells = Cells(("a", "b"), np.array([[n // 10, n % 10] for n in range(40)]), np.array([1.0] * 30 + [0.0] * 10))
    (one, *_) = injected(cells, 3)
    wider = one.causes[0].copy()
    wider[30:] = ~wider[30:]
    assert right(one, [wider])


@pytest.mark.parametrize("effect", EFFECTS)
def test_what_was_put_in_is_in_the_money(effect: str) -> None:
    one = case(effect=effect)
    before, after = (money[one.causes[0]].sum() for money in one.cube.money)
    others = [money[~one.causes[0]].sum() for money in one.cube.money]
    assert 0.8 < others[1] / others[0] < 1.25
    assert {"gone": after == 0, "new": before == 0}.get(effect, not 0.7 < after / max(before, 1e-9) < 1.4)


@pytest.mark.parametrize("effect", EFFECTS)
def test_the_oracle_finds_one_cause_of_any_kind(effect: str) -> None:
    assert right(case(2, effect=effect), oracle(case(2, effect=effect)))


def test_the_oracle_finds_two_causes() -> None:
    both = case(3, causes=2)
    assert right(both, oracle(both))


def test_ours_is_told_only_the_cube() -> None:
    """And so is a drill-down, which follows the money and finds fewer."""
    found = [made(seed, 1000, 0.3, 1) for seed in range(12)]
    cubes = [one for one in found if one is not None]
    scores = {name: sum(right(one, find(one.cube, 1)) for one in cubes) for name, find in FINDERS.items()}
    assert scores["ours"] == len(cubes) > scores["drill-down"]
    assert right(cubes[0], ours(cubes[0].cube, 1))


def test_a_bill_is_summed_by_its_columns_and_two_periods_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "bill.csv").write_text("day,team,cost\n1,a,2\n1,a,3\n2,a,4\n2,b,1\n1,c,-5\n")
    whole, halves = (real_cells(tmp_path, Rows("bill", "bill.csv", "cost", ("team",), later)) for later in ("", "day > 1"))
    assert ([9.0, 1.0], None) == (whole.before.tolist(), whole.after)
    assert halves.after is not None
    assert ([5.0, 0.0], [4.0, 1.0]) == (halves.before.tolist(), halves.after.tolist())
