"""The LSTM member; where its extra is not installed only the sentence that says so is tried."""

from importlib.util import find_spec

import numpy as np
import pytest

from finops.errors import UserError
from finops.insight.forecast_lstm import SEEN, LstmMember, window
from finops.insight.panel import Floats

without = pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="needs PyTorch: pip install 'finops-bot[lstm]'")
MEMBER = LstmMember(fits=2, steps=80)


def lines(count: int = 6, weeks: int = 30) -> Floats:
    """Return lines of different sizes with a quieter weekend."""
    chance = np.random.default_rng(5)
    profile = np.resize([1.0] * 5 + [0.5] * 2, 7 * weeks)
    return np.asarray(chance.uniform(1, 1000, (count, 1)) * profile * chance.normal(1, 0.03, (count, 7 * weeks)))


@without
def test_a_missing_extra_is_one_sentence_with_the_way_out() -> None:
    with pytest.raises(
        UserError, match=r"^the forecasting member 'lstm' needs PyTorch, .*; install it with pip install 'finops-bot\[lstm\]'$"
    ):
        LstmMember().paths(lines(), [210], 7)


def test_windows_are_ratios_to_the_last_four_weeks() -> None:
    seen, week, level = window(np.array([[30.0] * 5 + [15.0] * 2]).repeat(8, axis=0).reshape(1, -1))
    assert pytest.approx(180 / 7) == level[0]
    assert pytest.approx([7 / 6] * 5 + [7 / 12] * 2) == week[0].tolist()
    assert pytest.approx(np.resize(week[0], SEEN)) == seen[0]


def test_unknown_days_of_a_window_are_like_their_weekday() -> None:
    whole = np.resize([30.0] * 5 + [15.0] * 2, 56)[None]
    gap = whole.copy()
    gap[0, 40] = np.nan  # a Saturday
    seen, week, _ = window(gap)
    assert week[0, 5] == seen[0, 40]


def test_a_history_shorter_than_the_window_is_filled_with_its_week() -> None:
    seen, _, level = window(np.full((1, 16), 4.0))
    assert ([1.0] * SEEN, 4.0) == (seen[0].tolist(), level[0])


def test_a_series_of_nothing_has_no_level() -> None:
    seen, _, level = window(np.zeros((1, 60)))
    assert (0.0, 0.0) == (float(level[0]), float(np.abs(seen).max()))


@needs_torch
def test_a_weekly_rhythm_goes_on_at_every_size() -> None:
    history = lines()
    paths = MEMBER.paths(history[:, :196], [182, 196], 14)
    errors = np.abs(paths[1].sum(axis=1) / history[:, 196:].sum(axis=1) - 1)
    assert errors.max() < 0.05


@needs_torch
def test_the_same_seed_gives_the_same_answer_and_leaves_chance_alone() -> None:
    import torch

    torch.manual_seed(9)
    first = MEMBER.paths(lines(), [210], 7)
    drawn = torch.rand(1)
    torch.manual_seed(9)
    assert torch.equal(torch.rand(1), drawn)
    np.testing.assert_array_equal(first, MEMBER.paths(lines(), [210], 7))


@needs_torch
def test_days_after_an_origin_are_not_looked_at() -> None:
    changed = lines()
    changed[:, 150:] *= 9
    np.testing.assert_array_equal(MEMBER.paths(lines(), [150, 210], 7)[0], MEMBER.paths(changed, [150, 210], 7)[0])


@needs_torch
def test_too_few_examples_get_no_answer() -> None:
    assert np.isnan(MEMBER.paths(lines(1, 8), [56], 21)).all()
