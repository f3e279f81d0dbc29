"""Adaptive limits: whose burn rate counts, and how the one that is told follows it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.configuration.rulebook_budgets import Budget
from finops.configuration.rulebook_quotas import Bounds, Quota
from finops.configuration.rulebook_sections import Scope
from finops.guard.adaptive import ALARMED, CALM, FALL, LONGEST, MATERIAL, RISE, SLACK, Speed, adaptive, followed, moved, nearest
from gateway import rates
from gateway.limits import Adaptive

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LOOK = timedelta(minutes=5)
BURNS = st.decimals(0, 50, places=3)
PAUSES = st.integers(0, 3600).map(lambda seconds: timedelta(seconds=seconds))
TINY = Decimal("1e-20")


def scope(**of: str) -> Scope:
    return tuple((name, (value,)) for name, value in of.items())


def budget(name: str, where: Scope) -> Budget:
    return Budget(name, where, "month", Decimal(100), "USD")


def rate(burn: Decimal) -> float:
    return rates.target_rate(Adaptive(2.0, 10.0, float(burn)))


def after(looks: int, measured: str | None, before: Speed | None = None) -> Speed:
    found = before
    for number in range(1, looks + 1):
        begun = before.at if before else NOW
        found = moved(found, None if measured is None else Decimal(measured), begun + LOOK * number)
    assert found
    return found


def test_only_quotas_with_bounds_adapt() -> None:
    plain, moving = Quota(scope(team="ml"), tokens_per_day=5), Quota(scope(team="ads"), bounds=Bounds(Decimal(1), Decimal(2)))
    assert [moving] == adaptive([plain, moving])


def test_the_narrowest_budget_around_a_quota_counts() -> None:
    quota = Quota(scope(route="chat", team="ml"))
    budgets = [budget("all", ()), budget("ml", scope(team="ml")), budget("ads", scope(team="ads"))]
    assert ["ml"] == [each.name for each in nearest(quota, budgets)]
    assert ["all"] == [each.name for each in nearest(Quota(scope(tenant="*")), budgets)]
    assert [] == nearest(Quota(scope(tenant="*")), budgets[1:])


def test_budgets_of_the_same_scope_count_together() -> None:
    budgets = [budget("day", scope(team="ml")), budget("month", scope(team="ml")), budget("all", ())]
    assert ["day", "month"] == [each.name for each in nearest(Quota(scope(team="ml")), budgets)]


def test_the_ends_are_those_that_gateways_know() -> None:
    assert (rates.CALM, rates.ALARMED) == (float(CALM), float(ALARMED))


def test_a_fire_is_followed_within_ten_minutes_and_let_go_within_an_hour() -> None:
    rising = [after(looks, "9").told for looks in (1, 2)]
    assert [Decimal("2.50"), Decimal(4)] == rising
    burning = after(2, "9")
    falling = [after(looks, "0.5", burning).told for looks in (1, 6, 11, 12)]
    assert [Decimal("3.75"), Decimal("2.50"), Decimal("1.25"), Decimal(1)] == falling


def test_a_rate_does_not_flap_while_spending_wavers() -> None:
    steady = after(6, "2.5")
    assert Decimal("2.50") == steady.told
    for number in range(1, 20):
        wavering = Decimal("2.5") if number % 2 else Decimal("2.42")
        assert steady.told == moved(steady, wavering, NOW + LOOK * (6 + number)).told


def test_spending_just_above_its_budget_is_told_once_it_matters() -> None:
    assert [CALM, Decimal("1.10")] == [after(1, "1.09").told, after(1, "1.1").told]


def test_without_figures_a_limit_stays_and_the_time_without_them_gains_it_nothing() -> None:
    burning = after(2, "9")
    blind = after(100, None, burning)
    assert (burning.burn, burning.told) == (blind.burn, blind.told)
    assert Decimal("3.75") == moved(blind, Decimal(0), blind.at + LOOK).told


def test_a_long_pause_counts_as_two_looks() -> None:
    burning = after(2, "9")
    assert ALARMED - FALL * 10 == moved(burning, Decimal(0), burning.at + timedelta(days=3)).burn


def test_a_clock_that_steps_back_moves_nothing_and_gains_nothing_when_it_returns() -> None:
    burning = after(2, "9")
    back = moved(burning, Decimal(0), burning.at - timedelta(hours=3))
    assert burning == back
    assert burning == moved(back, Decimal(0), burning.at)


@given(before=st.decimals(1, 4, places=3), burn=BURNS, more=BURNS, passed=PAUSES)
def test_more_burn_never_means_a_higher_rate(before: Decimal, burn: Decimal, more: Decimal, passed: timedelta) -> None:
    slow, fast = (followed(before, each, passed) for each in (burn + more, burn))
    assert slow >= fast
    assert rate(slow) <= rate(fast) + 1e-9


@given(before=st.decimals(1, 4, places=3), burn=BURNS, passed=PAUSES)
def test_what_is_followed_stays_in_its_bounds_and_between_where_it_was_and_where_it_goes(
    before: Decimal, burn: Decimal, passed: timedelta
) -> None:
    found = followed(before, burn, passed)
    assert CALM <= min(before, max(CALM, burn)) <= found <= max(before, min(burn, ALARMED))
    assert 2.0 <= rate(found) <= 10.0
    limit = Decimal(min(passed, LONGEST).seconds) / 60
    assert -FALL * limit - TINY <= found - before <= RISE * limit + TINY


@given(before=st.decimals(1, 4, places=3), burn=BURNS, step=st.decimals(0, "0.01", places=5), passed=PAUSES)
def test_a_small_change_of_the_burn_rate_is_a_small_change_of_the_rate(
    before: Decimal, burn: Decimal, step: Decimal, passed: timedelta
) -> None:
    """10 to 2 in equal ratios over three: a step of the burn rate moves the rate by at most 10 × ln(5) / 3 times as much."""
    near, far = (followed(before, each, passed) for each in (burn, burn + step))
    assert abs(far - near) <= step + TINY
    assert abs(rate(far) - rate(near)) <= 5.37 * float(step) + 1e-9


@given(seen=st.lists(st.one_of(st.none(), BURNS), max_size=60))
def test_gateways_are_never_told_less_than_what_is_followed_by_more_than_is_material(seen: list[Decimal | None]) -> None:
    speed: Speed | None = None
    for number, measured in enumerate(seen):
        before, speed = speed, moved(speed, measured, NOW + LOOK * number)
        assert CALM <= speed.told <= ALARMED
        assert abs(speed.told - speed.burn) < MATERIAL + Decimal("0.005")
        assert measured is not None or before is None or speed.told == before.told


@pytest.mark.parametrize("measured", ["0.9", "1.7", "3.3", "4", "40"])
def test_what_stays_the_same_is_reached(measured: str) -> None:
    burning, calm = (after(200, measured, after(20, start)) for start in ("40", "0"))
    aim = Decimal(measured)
    assert (min(ALARMED, aim + SLACK), max(CALM, min(ALARMED, aim))) == (burning.burn, calm.burn)
