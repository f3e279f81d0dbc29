"""Rates: buckets, and how they follow the burn rate."""

import math

from hypothesis import given
from hypothesis import strategies as st

from gateway.limits import Adaptive, read_limit
from gateway.rates import GLIDE, Bucket, rate_of, target_rate

RATES = st.floats(0.1, 1_000)


def test_a_bucket_lets_a_burst_pass_and_then_its_rate() -> None:
    bucket = Bucket(rate=2.0, burst=3, now=0.0)
    assert [0, 0, 0, 0.5] == [bucket.take(0.0) for _ in range(4)]
    assert [0, 0.5] == [bucket.take(0.5), bucket.take(0.5)]


def test_a_bucket_without_a_rate_never_passes_again() -> None:
    bucket = Bucket(rate=0.0, burst=1, now=0.0)
    assert [0, math.inf] == [bucket.take(0.0), bucket.take(1e9)]


def test_a_clock_that_steps_back_fills_nothing() -> None:
    bucket = Bucket(rate=1.0, burst=1, now=100.0)
    assert [0, 1.0, 1.0] == [bucket.take(100.0), bucket.take(40.0), bucket.take(100.0)]


@given(rate=RATES, burst=st.integers(1, 50), times=st.lists(st.floats(0, 100), max_size=60))
def test_no_more_passes_than_burst_and_rate_allow(rate: float, burst: int, times: list[float]) -> None:
    bucket = Bucket(rate, burst, 0.0)
    passed = sum(bucket.take(now) == 0 for now in sorted(times))
    assert passed <= burst + rate * max(times, default=0.0) + 1e-6


@given(least=RATES, most=RATES, burn=st.floats(0, 100), more=st.floats(0, 100))
def test_an_adaptive_rate_stays_in_its_bounds_and_falls_as_burn_rises(least: float, most: float, burn: float, more: float) -> None:
    least, most = sorted((least, most))
    slow, fast = target_rate(Adaptive(least, most, burn + more)), target_rate(Adaptive(least, most, burn))
    assert least <= slow <= fast + 1e-9 <= most + 1e-6


def test_an_adaptive_rate_is_the_most_on_budget_and_the_least_at_four_times_it() -> None:
    assert [16, 4, 1, 1] == [round(target_rate(Adaptive(1, 16, burn)), 9) for burn in (1.0, 2.5, 4.0, 50.0)]


def test_an_unknown_burn_rate_counts_as_alarming() -> None:
    assert 1 == target_rate(Adaptive(1, 16, math.nan))


def test_a_rate_glides_down_and_recovers() -> None:
    bucket = Bucket(rate=16, burst=1, now=0.0)
    bucket.aim(1, 1, glide=True)
    down = [_rate_at(bucket, now) for now in (0, GLIDE, 5 * GLIDE, 20 * GLIDE)]
    bucket.aim(16, 1, glide=True)
    up = [_rate_at(bucket, now) for now in (20 * GLIDE, 21 * GLIDE, 40 * GLIDE)]
    assert (down == sorted(down, reverse=True), up == sorted(up)) == (True, True)
    assert [16, 6.5, 1.1, 1] == [round(rate, 1) for rate in down]
    assert [1, 10.5, 16] == [round(rate, 1) for rate in up]


def test_the_lower_of_a_rate_and_an_adaptive_rate_holds() -> None:
    bounds = {"min_rps": 1, "max_rps": 16, "burn": 4.0}
    assert 1 == rate_of(read_limit({"id": "q", "match": {}, "requests_per_second": 5, "adaptive": bounds}))
    assert 5 == rate_of(read_limit({"id": "q", "match": {}, "requests_per_second": 5, "adaptive": bounds | {"burn": 1.0}}))


def _rate_at(bucket: Bucket, now: float) -> float:
    bucket.take(now)
    return bucket.rate
