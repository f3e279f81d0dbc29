"""Prophet as a member that one asks for: silent, the same each time, and only at the origins it can afford."""

import logging
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from finops.insight.forecast import default_members, forecast
from finops.insight.forecast_prophet import ProphetMember, chosen
from finops.insight.panel import Floats, Panel
from finops.periods import Period

MONDAY = date(2025, 1, 6)


def weeks(count: int, weekend: float = 40.0) -> Floats:
    """Return `count` weeks of 100 a working day and `weekend` on the others, a little uneven."""
    days = np.resize([100.0] * 5 + [weekend] * 2, 7 * count)
    return np.asarray(days + np.random.default_rng(3).normal(0, 1, len(days)))


def test_a_weekly_rhythm_goes_on() -> None:
    path = ProphetMember().path(weeks(20), 7)
    np.testing.assert_allclose(path, [100.0] * 5 + [40.0] * 2, rtol=0.05)


def test_the_same_history_gets_the_same_answer() -> None:
    assert ProphetMember().path(weeks(12), 14).tolist() == ProphetMember().path(weeks(12), 14).tolist()


def test_nothing_is_printed_or_logged_and_loggers_stay_as_they_were(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    ProphetMember().path(weeks(8), 7)
    assert (("", ""), [], False) == (capfd.readouterr(), caplog.records, logging.getLogger("cmdstanpy").disabled)


def test_a_holiday_is_like_the_holidays_before_it() -> None:
    """Every fourth Wednesday is a holiday at 10; the next one falls into the second day asked for."""
    history = weeks(40)
    free = [MONDAY + timedelta(days=28 * number + 2) for number in range(11)]
    for day in free[:10]:
        history[(day - MONDAY).days] = 10.0
    told = ProphetMember(holidays=frozenset(free), ends=MONDAY + timedelta(days=280)).path(history, 7)
    assert told[2] == pytest.approx(10.0, abs=5)
    assert ProphetMember().path(history, 7)[2] > 50


def test_unknown_days_are_left_out() -> None:
    history = weeks(12)
    history[30:37] = np.nan
    np.testing.assert_allclose(ProphetMember().path(history, 7), [100.0] * 5 + [40.0] * 2, rtol=0.05)


def test_less_than_two_weeks_get_no_answer() -> None:
    assert np.isnan(ProphetMember().path(weeks(2)[:13], 5)).all()


def test_a_falling_series_ends_at_nothing_and_not_below() -> None:
    assert (ProphetMember().path(np.linspace(60, 1, 60), 60) >= 0).all()


def test_it_answers_at_few_origins_and_always_at_the_last() -> None:
    paths = ProphetMember(fits=2).paths(weeks(10)[None], [40, 50, 60, 70], 7)
    assert [False, True, True, False] == np.isnan(paths).any(axis=(1, 2)).tolist()


@pytest.mark.parametrize(("origins", "fits", "expected"), [(30, 3, [0, 14, 29]), (2, 6, [0, 1]), (5, 1, [4]), (1, 6, [0])])
def test_origins_are_chosen_evenly(origins: int, fits: int, expected: list[int]) -> None:
    assert expected == chosen(origins, fits)


def test_days_after_an_origin_are_not_looked_at() -> None:
    history = weeks(12)[None]
    changed = history.copy()
    changed[:, 70:] *= 9
    member = ProphetMember(fits=2)
    np.testing.assert_array_equal(member.paths(history, [70, 84], 7)[0], member.paths(changed, [70, 84], 7)[0])


def test_it_takes_part_in_a_forecast_and_is_weighed() -> None:
    panel = Panel(((("team", "ml"),),), MONDAY, weeks(20)[None], np.array([140]))
    [found] = forecast(panel, Period(panel.day(140), panel.day(168)), today=panel.day(140), members=(*default_members(), ProphetMember()))
    assert 0 < dict(found.weights)["prophet"] < 1
    assert found.total == pytest.approx(4 * 580, rel=0.05)


def test_it_loads_only_when_it_answers() -> None:
    code = "import sys, finops.insight.forecast, finops.insight.forecast_prophet, finops.insight.forecast_lstm; print(*sys.modules)"
    root = Path(__file__).parents[2]
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert set() == {"prophet", "pandas", "torch", "cmdstanpy"} & set(said.stdout.split())
