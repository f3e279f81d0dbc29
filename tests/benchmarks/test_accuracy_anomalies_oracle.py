"""What an oracle that is told the event says of one put into a series, and how many of its alarms it may spend on that."""

from datetime import date

import numpy as np
import pytest

from benchmarks.accuracy_anomalies_injected import Found, Injected, inject
from benchmarks.accuracy_anomalies_oracle import oracle
from finops.insight.panel import Panel


def case(noise: float) -> Injected:
    """Two hundred days of about a hundred, with every event put in once."""
    values = 100 * np.exp(noise * np.random.default_rng(1).standard_normal((1, 200)))
    return inject("made", Panel(((("line", "a"),),), date(2026, 1, 5), values, np.array([200])), 1, 7, 0)


def share(made: Injected, rate: float, days: int = 21) -> float:
    told = oracle(made, [Found(event, None) for event in made.events], rate, days)
    return sum(each.delay is not None for each in told) / len(told)


def test_an_oracle_finds_every_event_in_a_calm_series() -> None:
    assert share(case(0.02), 0.25) == pytest.approx(1.0)


def test_an_oracle_finds_less_in_noise_as_wide_as_the_events_and_more_with_more_alarms() -> None:
    noisy = case(0.6)
    assert 0 < share(noisy, 0.25) < share(noisy, 2.0) < 1


def test_an_oracle_that_sees_fewer_days_finds_no_more() -> None:
    noisy = case(0.4)
    assert share(noisy, 0.25, days=1) < share(noisy, 0.25)
