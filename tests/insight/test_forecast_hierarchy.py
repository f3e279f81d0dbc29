"""Children sum to their parent, by day and in total."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from finops.insight.forecast import Forecast
from finops.insight.forecast_hierarchy import reconcile_children
from finops.insight.panel import Floats, Panel
from tests.insight.forecast_samples import MONDAY, month, noisy, panel, sure, week


def family(rows: Floats) -> tuple[Forecast, tuple[Forecast, ...]]:
    whole = Panel(((),), MONDAY, rows.sum(axis=0, keepdims=True), np.array([rows.shape[1]]))
    return month(whole)[0], month(panel(*rows))


def test_children_sum_to_their_parent_every_day_and_in_total() -> None:
    parent, children = family(noisy(6, 160))
    moved = reconcile_children(parent, children)
    assert parent.total != pytest.approx(sum(sure(child.total) for child in children), rel=1e-6)
    assert parent.total == pytest.approx(sum(sure(child.total) for child in moved))
    for place, day in enumerate(parent.daily):
        assert day.cost == pytest.approx(sum(child.daily[place].cost for child in moved))


def test_a_moved_child_is_still_the_sum_of_its_days_inside_its_bands() -> None:
    parent, children = family(noisy(6, 160))
    for child in reconcile_children(replace(parent, total=sure(parent.total)), children):
        assert child.total == pytest.approx(sum(day.cost for day in child.daily))
        edges = [sure(edge) for edge in (child.low95, child.low80, child.total, child.high80, child.high95)]
        assert sorted(edges) == edges


def test_the_uncertain_child_gives_way() -> None:
    parent, children = family(np.stack([week(160), noisy(1, 160, noise=0.5)[0]]))
    raised = replace(
        parent,
        total=sure(parent.total) * 1.2,
        daily=tuple(day._replace(cost=day.cost * 1.2) if not day.complete else day for day in parent.daily),
    )
    total = sum(day.cost for day in raised.daily)
    steady, restless = reconcile_children(replace(raised, total=total), children)
    assert sure(steady.total) - sure(children[0].total) < 0.01 * (sure(restless.total) - sure(children[1].total))


def test_no_child_falls_below_what_it_already_holds() -> None:
    parent, children = family(noisy(4, 160))
    small = replace(parent, daily=tuple(day if day.complete else day._replace(cost=0.0) for day in parent.daily))
    moved = reconcile_children(replace(small, total=sum(day.cost for day in small.daily)), children)
    assert all(sure(child.total) == pytest.approx(sure(child.month_to_date)) for child in moved)


def test_children_complete_up_to_other_days_still_sum_to_the_parent() -> None:
    rows = noisy(3, 160)
    parent, _ = family(rows)
    children = month(Panel(panel(*rows).keys, MONDAY, rows, np.array([160, 158, 155])))
    assert parent.total == pytest.approx(sum(sure(child.total) for child in reconcile_children(parent, children)))


def test_children_that_are_not_all_of_the_parent_are_told_so() -> None:
    rows = noisy(3, 160)
    parent = month(panel(rows.sum(axis=0)), today=date(2024, 6, 9))[0]
    done = replace(parent, daily=tuple(day._replace(complete=True) for day in parent.daily))
    children = [replace(child, daily=tuple(day._replace(complete=True) for day in child.daily)) for child in month(panel(*rows[:2]))]
    with pytest.raises(ValueError, match="give what belongs to no child as one more child"):
        reconcile_children(done, children)


def test_an_unknown_child_stays_unknown() -> None:
    parent, children = family(noisy(2, 160))
    [unknown] = month(panel([np.nan] * 160))
    *known, still = reconcile_children(parent, [*children, unknown])
    assert still is unknown
    assert parent.total == pytest.approx(sum(sure(child.total) for child in known))
