"""A sum whose parts are known: their forecasts speak for it beside its own, by what they earned."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from finops.insight.forecast import Forecast, default_members, forecast
from finops.insight.forecast_history import prepared
from finops.insight.forecast_sums import PARTS, free_at, seated
from finops.insight.forecast_weights import tried
from finops.insight.panel import Calendar, Event, Floats, Panel
from tests.insight.forecast_samples import MONDAY, QUICK, days_from, key, noisy, panel, sure

NOTHING = Calendar()


def family(parts: Floats, complete: list[int] | None = None) -> Panel:
    """Return a panel of the sum above its parts."""
    rows = np.concatenate([np.nansum(parts, axis=0, keepdims=True), parts])
    final = np.full(len(rows), rows.shape[1]) if complete is None else np.array(complete)
    return Panel(panel(*rows).keys, MONDAY, rows, final)


def ahead(of: Panel, together: bool = True, days: int = 30, calendar: Calendar = NOTHING) -> tuple[Forecast, ...]:
    today = of.day(of.steps)
    sums = {0: range(1, len(of.keys))} if together else None
    return forecast(of, days_from(today, days), today=today, calendar=calendar, members=QUICK, sums=sums)


def metered(days: int, use: float, free: float) -> Floats:
    """Return days from a Monday on that cost nothing until as much is used as each month has free."""
    dates = [MONDAY + timedelta(days=number) for number in range(days)]
    return np.array([0.0 if day.day * use <= free else use for day in dates])


def test_parts_speak_for_their_sum_and_nobody_else() -> None:
    whole, *parts = ahead(family(noisy(3, 200)))
    assert 0.2 < dict(whole.weights)[PARTS] < 0.8
    assert not any(PARTS in dict(part.weights) for part in parts)
    assert PARTS in whole.method


def test_of_the_parts_themselves_their_sum_changes_nothing() -> None:
    of = family(noisy(3, 200))
    alone, beside = ahead(of, together=False), ahead(of)
    assert [sure(one.total) for one in alone[1:]] == [sure(one.total) for one in beside[1:]]


def test_a_sum_foresees_that_one_of_its_parts_begins_its_month_for_free() -> None:
    """Eight of ten parts are steady; two cost 40 a day and nothing on the first nine days of each month. Asked at the end of May."""
    days = (date(2024, 6, 1) - MONDAY).days
    of = family(np.concatenate([noisy(1, days, noise=0.05) / noisy(1, days, noise=0.05).mean() * 40, [metered(days, 40, 360)] * 2]))
    came = ahead(of, days=9)
    direct, both = sure(ahead(of, together=False, days=9)[0].total), sure(came[0].total)
    by_parts = sum(sure(part.total) for part in came[1:])
    assert by_parts < 0.6 * direct
    assert by_parts < both < 0.85 * direct


def test_a_past_day_knows_only_allowances_that_had_shown_by_then() -> None:
    """Charged for all of January and February, free at the beginning of every month from March on: two of those must have been seen."""
    days = (date(2024, 7, 1) - MONDAY).days
    plain = (date(2024, 3, 1) - MONDAY).days
    late = np.where(np.arange(days) < plain, 40.0, metered(days, 40, 360))
    of = panel(late, late)
    history = prepared(of, of.complete, 30, NOTHING)
    trial = tried(history.usual, 30, 30, QUICK, 20)
    foreseen = free_at(trial, history, [0, 1])[:, 0]
    seen = {origin: bool(free.any()) for origin, free in zip(trial.origins, foreseen, strict=True)}
    assert {False} == {free for origin, free in seen.items() if origin < (date(2024, 4, 1) - MONDAY).days}
    assert {True} == {free for origin, free in seen.items() if origin >= (date(2024, 5, 10) - MONDAY).days}


def test_a_part_that_is_not_born_yet_costs_its_sum_nothing() -> None:
    """A part of forty days beside one of three hundred: the sum is tested at as many past days as without it."""
    parts = noisy(2, 300)
    parts[1, :260] = np.nan
    young, alone = ahead(family(parts)), ahead(panel(parts[0]), together=False)
    assert (alone[0].backtest.origins, True) == (young[0].backtest.origins, PARTS in dict(young[0].weights))
    assert sum(sure(part.total) for part in young[1:]) == pytest.approx(sure(young[0].total), rel=0.3)


def test_a_part_that_is_known_longer_is_taken_as_it_was_on_the_last_day_of_the_sum() -> None:
    """Two days that the sum does not know yet are five times as dear: the part's own forecast rises, that of the sum does not."""
    of = family(noisy(3, 200), [198, 200, 198, 199])
    late = (np.arange(200) >= 198) & (np.arange(4) == 1)[:, None]
    usual, dear = ahead(of), ahead(replace(of, values=np.where(late, 5 * of.values, of.values)))
    assert PARTS in dict(dear[0].weights)
    assert sure(usual[0].total) == pytest.approx(sure(dear[0].total), rel=0.002)
    assert 1.2 * sure(usual[1].total) < sure(dear[1].total)


def test_a_sum_that_is_known_longer_than_a_part_goes_without_them() -> None:
    assert PARTS not in dict(ahead(family(noisy(3, 200), [200, 200, 190, 200]))[0].weights)


def test_parts_that_are_known_longer_sit_twice() -> None:
    rows, seen, seats = seated(np.array([5, 7, 5, 6]), {0: (1, 2, 3)})
    assert ([0, 1, 2, 3, 1, 3], [5, 7, 5, 6, 5, 5], {0: [4, 2, 5]}) == (rows, seen.tolist(), seats)


def test_an_event_of_the_sum_counts_once_whether_or_not_it_is_one_of_a_part() -> None:
    of = replace(family(noisy(3, 200)), keys=(key("all"), key("a"), key("b"), key("c")))
    today = of.day(200)
    for scopes in ([key("all")], [key("all"), key("a")]):
        events = tuple(Event(today, today + timedelta(days=2), amount=500.0, scope=scope) for scope in scopes)
        plain, planned = (sure(ahead(of, calendar=calendar)[0].total) for calendar in (NOTHING, Calendar(events=events)))
        assert planned - plain == pytest.approx(1000.0)


def test_sums_are_as_good_at_least_as_the_better_half_of_their_making() -> None:
    """Forty families of six: what thirty days come to, directly, by the parts alone and by both."""
    errors = np.zeros(3)
    for seed in range(40):
        parts = noisy(6, 230, seed=seed, noise=0.3)
        of = family(parts[:, :200])
        came = parts[:, 200:].sum()
        both, direct = ahead(of), ahead(of, together=False)
        said = np.array([sure(direct[0].total), sum(sure(part.total) for part in both[1:]), sure(both[0].total)])
        errors += np.abs(said - came) / came
    assert errors[2] < 1.02 * errors[:2].min()


def test_default_members_take_parts_beside_them() -> None:
    of = family(noisy(3, 120))
    today = of.day(120)
    whole, *_ = forecast(of, days_from(today, 10), today=today, members=default_members(), sums={0: (1, 2, 3)})
    assert sum(weight for _, weight in whole.weights) == pytest.approx(1.0, abs=0.001)
