"""The table of states: nothing leaves an end, nothing is stuck, and a plan is frozen by its digest."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from finops.guard.plans import Plan, read_plan
from finops.guard.proposals import FINAL, TRANSITIONS, Event, State, WrongStateError, after
from tests.ledger.proposed import PLAN


def test_nothing_leaves_an_end() -> None:
    assert FINAL == set(get_args(State)) - {before for before, _ in TRANSITIONS}


def test_every_state_is_reached_and_every_event_is_used() -> None:
    assert set(get_args(State)) == {"pending", *TRANSITIONS.values()}
    assert set(get_args(Event)) == {event for _, event in TRANSITIONS}


def test_nothing_is_moved_before_it_was_approved() -> None:
    assert {"approved"} == {before for (before, _), state in TRANSITIONS.items() if state == "executing"}
    assert {"pending"} == {before for (before, _), state in TRANSITIONS.items() if state == "approved"}


def test_every_state_leads_to_an_end() -> None:
    ends: set[str] = set(FINAL)
    for _ in TRANSITIONS:
        ends |= {before for (before, _), state in TRANSITIONS.items() if state in ends}
    assert ends == set(get_args(State))


def test_a_step_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(WrongStateError, match="a proposal that is compensation failed cannot take 'approve' any more"):
        after("compensation_failed", "approve")


@pytest.mark.parametrize(
    "change",
    [
        {"lever": "gateway.block"},
        {"targets": ("team=ml",)},
        {"parameters": {"premium": "cheapest"}},
        {"before": {}},
        {"evidence": {"spent": "1010.01"}},
        {"policy": "8" * 64},
        {"risk": "high"},
        {"lasts": timedelta(hours=3)},
        {"saving": None},
        {"side_effects": ("slower",)},
        {"reason": "ml has spent 102 % of its budget"},
    ],
)
def test_every_part_of_a_plan_is_in_its_digest(change: dict[str, object]) -> None:
    other: Plan = replace(PLAN, **change)  # type: ignore[arg-type]
    assert PLAN.digest != other.digest


def test_a_plan_that_was_stored_has_the_same_digest() -> None:
    odd = replace(PLAN, reason="é \ud800 \0 \U0001f4b8", lasts=None, saving=None)
    assert [PLAN.digest, odd.digest] == [read_plan(json.loads(json.dumps(plan.document()))).digest for plan in (PLAN, odd)]
