"""Plans made of findings and steps."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.configuration.levers import LEVERS
from finops.configuration.rulebook_steps import Propose
from finops.errors import UserError
from finops.guard.findings import Finding
from finops.guard.plans import Saving, read_plan
from finops.guard.proposing import hourly_cost, plan_of, side_effects, stopped_share, targets_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ML = (("team", ("ml",)),)
FALLBACK = Propose("gateway.fallback", {"fallback": {"premium": "cheap"}}, timedelta(hours=2))
STOP = Propose("aws.stop_instances", {})
GIVEN: dict[str, dict[str, Any]] = {
    "gateway.fallback": {"fallback": {"*": "cheap"}},
    "gateway.throttle": {"requests_per_second": "2"},
}


def finding(**more: Any) -> Finding:
    said = {"key": "budget:ml:1", "kind": "budget", "rule": "ml", "version": "1", "period": "2026-11", "scope": ML}
    told = {"severity": "critical", "title": "ml has spent 101 % of its budget", "observed_at": NOON, "as_of": NOON}
    return Finding(**{**said, **told, "value": Decimal("1010.00"), **more})


def test_a_gateway_lever_works_on_the_requests_of_the_step_or_else_of_the_finding() -> None:
    assert ("team=ml",) == targets_of(finding(), FALLBACK)
    narrow = Propose("gateway.block", {}, scope=(("team", ("ml",)), ("route", ("chat", "mail room"))))
    assert ("team=ml 'route=chat,mail room'",) == targets_of(finding(), narrow)


def test_other_levers_work_on_the_targets_of_the_step_or_else_of_the_finding() -> None:
    assert ("i-1", "i-2") == targets_of(finding(), Propose("aws.stop_instances", {}, targets=("i-1", "i-2", "i-1")))
    assert ("i-3",) == targets_of(finding(evidence={"targets": ["i-3"]}), STOP)
    assert ("i-4",) == targets_of(finding(scope=(("resource", ("i-4",)),)), STOP)


@pytest.mark.parametrize(
    ("found", "step", "why"),
    [
        (finding(scope=()), FALLBACK, "ml watches everything, and gateway.fallback needs to know whose requests; give its step a 'scope'"),
        (finding(), STOP, "ml names nothing that aws.stop_instances could move; give its step 'targets'"),
        (finding(scope=(("resource", ("i-*",)),)), STOP, "ml names nothing that aws.stop_instances could move; give its step 'targets'"),
    ],
)
def test_without_a_target_nothing_is_proposed(found: Finding, step: Propose, why: str) -> None:
    with pytest.raises(UserError) as refused:
        targets_of(found, step)
    assert why == str(refused.value)


def test_a_plan_holds_all_that_is_agreed_to_and_comes_back_from_its_text() -> None:
    saving = Saving(Decimal("4.10"), Decimal("3.50"), Decimal("4.70"), "USD", "the last day again")
    plan = plan_of(finding(), FALLBACK, {"team=ml": {"in_force": []}}, saving, "7" * 64)
    assert ("ml has spent 101 % of its budget", ("team=ml",), timedelta(hours=2)) == (plan.reason, plan.targets, plan.lasts)
    assert ("budget:ml:1", "1010.00") == (plan.evidence["finding"], plan.evidence["value"])
    assert plan.digest == read_plan(json.loads(json.dumps(plan.document()))).digest


def test_a_dry_run_is_said_first() -> None:
    plan = plan_of(finding(), FALLBACK, {"team=ml": {}}, None, "7" * 64, dry_run="nothing is moved here")
    assert "dry run: nothing is moved here" == plan.side_effects[0]


@pytest.mark.parametrize("lever", LEVERS)
def test_every_lever_says_who_will_notice(lever: str) -> None:
    said = side_effects(lever, GIVEN.get(lever, {}), ("this-one",))
    assert any("this-one" in sentence for sentence in said)
    assert lever.startswith("gateway.") or "notices" not in said[0]


def test_a_scaled_target_saves_the_share_that_goes() -> None:
    assert Decimal("0.75") == stopped_share("kubernetes.scale", {"replicas": 1}, {"replicas": 4})
    assert Decimal(0) == stopped_share("kubernetes.scale", {"replicas": 4}, {"replicas": 4})
    assert Decimal(0) == stopped_share("aws.scale_group", {"desired": 1}, {})
    assert Decimal(1) == stopped_share("aws.stop_instances", {}, {"state": "running"})


@pytest.mark.parametrize(("known", "expected"), [("1.25", (Decimal("1.25"), "EUR")), ("much", None), ("NaN", None), (None, None)])
def test_an_hourly_cost_is_believed_only_if_it_is_a_number(known: Any, expected: Any) -> None:
    assert expected == hourly_cost(finding(evidence={"hourly_cost": known, "currency": "EUR"}))
