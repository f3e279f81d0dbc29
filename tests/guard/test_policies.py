"""Policies in Rego: the two that come along, and that nothing but a clear yes to a valid question is a yes."""

import json
import math
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finops.guard.policies import Decision, Policies
from finops.guard.policy_inputs import QUESTIONS, QUOTA, ROUTING, faults
from finops.policy_files import read_policies

OURS = read_policies(Path("nowhere"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def ours() -> Policies:
    return Policies(OURS, seconds=10)


def quota(**changes: Any) -> dict[str, Any]:
    """The sample question, changed at places named `used__tokens`."""
    return changed(QUOTA.sample, changes)


def routing(**changes: Any) -> dict[str, Any]:
    return changed(ROUTING.sample, changes)


def changed(sample: Any, changes: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = deepcopy(dict(sample))
    for place, value in changes.items():
        *groups, name = place.split("__")
        target = document
        for group in groups:
            target = target[group]
        target[name] = value
    return document


def rules(decision: Decision) -> list[str]:
    return sorted(reason.rule for reason in decision.reasons)


def test_a_tenant_within_its_quota_may_go_on(ours: Policies) -> None:
    decision = ours.decide("quota", quota())
    assert (True, (), {"remaining_tokens": 8000}) == (decision.allowed, decision.reasons, decision.answers)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"used__tokens": 97_001}, "tokens_per_day"),
        ({"held__tokens": 9_001}, "tokens_per_day"),
        ({"asked__tokens": 8_001}, "tokens_per_day"),
        ({"quota__tokens_per_day": 0}, "tokens_per_day"),
        ({"used__cost_micros": 1_970_001}, "cost_per_day"),
        ({"asked__context": 8_001}, "max_context"),
        ({"data_age_seconds": 121}, "stale"),
        ({"blocked": True}, "blocked"),
        ({"used__tokens": 2**53}, "tokens_per_day"),
    ],
)
def test_one_too_many_is_refused_by_the_rule_for_it(ours: Policies, changes: dict[str, Any], rule: str) -> None:
    decision = ours.decide("quota", quota(**changes))
    assert (False, [rule]) == (decision.allowed, rules(decision))


@pytest.mark.parametrize(
    "changes",
    [{"used__tokens": 97_000}, {"asked__context": 8_000}, {"data_age_seconds": 120}, {"used__cost_micros": 1_970_000}],
)
def test_the_last_one_is_still_allowed(ours: Policies, changes: dict[str, Any]) -> None:
    assert ours.decide("quota", quota(**changes)).allowed


def test_a_tenant_without_limits_is_not_limited(ours: Policies) -> None:
    decision = ours.decide("quota", quota(quota={"max_data_age_seconds": 120}, used__tokens=10**12))
    assert (True, {}) == (decision.allowed, decision.answers)


def test_a_quota_that_is_overdrawn_leaves_nothing(ours: Policies) -> None:
    assert {"remaining_tokens": 0} == ours.decide("quota", quota(used__tokens=10**12)).answers


def test_every_reason_is_told_with_the_values_it_rests_on(ours: Policies) -> None:
    decision = ours.decide("quota", quota(used__tokens=3_000_000_000, blocked=True))
    told = {reason.rule: (reason.message, dict(reason.values)) for reason in decision.reasons}
    assert told == {
        "blocked": ("tenant 'acme' is blocked", {"blocked": True}),
        "tokens_per_day": (
            "tenant 'acme' would be at 3000003000 of 100000 tokens on 2026-11-21",
            {"used": 3_000_000_000, "held": 2_000, "asked": 1_000, "limit": 100_000},
        ),
    }


def test_a_decision_is_kept_as_plain_json(ours: Policies) -> None:
    document = ours.decide("quota", quota(data_age_seconds=500)).document()
    assert document == json.loads(json.dumps(document, allow_nan=False))
    assert (ours.digest, quota(data_age_seconds=500)) == (document["policy"], document["input"])


@pytest.mark.parametrize(
    ("changes", "tier"),
    [
        ({}, "premium"),
        ({"burn_rate": {"fast": 2, "slow": 0.9}}, "premium"),  # a short peak
        ({"burn_rate": {"fast": 1.9, "slow": 5}}, "premium"),  # long over
        ({"burn_rate": {"fast": 2, "slow": 1}}, "standard"),
        ({"budget_share": 0.9}, "standard"),
        ({"budget_share": 1, "approved_level": 2}, "economy"),
        ({"burn_rate": {"fast": 6, "slow": 3}, "approved_level": 2}, "economy"),
        ({"budget_share": 1, "approved_level": 2, "slo": {"quality": 0.8, "latency_ms": 2000}}, "standard"),
        ({"budget_share": 1, "approved_level": 2, "sensitive": True}, "premium"),
        ({"slo": {"quality": 0.7, "latency_ms": 1000}}, "standard"),  # premium is too slow
    ],
)
def test_the_tier_follows_burn_rate_and_objectives(ours: Policies, changes: dict[str, Any], tier: str) -> None:
    decision = ours.decide("routing", routing(**changes))
    assert (True, tier) == (decision.allowed, decision.answers["tier"])


def test_a_tier_nobody_approved_is_only_wished_for(ours: Policies) -> None:
    decision = ours.decide("routing", routing(budget_share=1.2, approved_level=0))
    assert (True, {"tier": "premium", "wish": "economy"}) == (decision.allowed, decision.answers)


def test_without_a_healthy_tier_nothing_is_routed(ours: Policies) -> None:
    tiers = [{**tier, "healthy": False} for tier in ROUTING.sample["tiers"]]
    decision = ours.decide("routing", routing(tiers=tiers))
    assert (False, ["no_tier_fits"]) == (decision.allowed, rules(decision))


def test_without_an_approved_tier_that_fits_nothing_is_routed(ours: Policies) -> None:
    decision = ours.decide("routing", routing(slo={"quality": 0.7, "latency_ms": 500}))
    assert (False, ["not_approved"]) == (decision.allowed, rules(decision))


@given(
    levels=st.lists(st.integers(0, 12), min_size=1, max_size=6, unique=True),
    approved=st.integers(0, 12),
    share=st.sampled_from([0, 0.95, 2]),
    poor=st.sets(st.integers(0, 12)),
)
def test_the_tier_is_the_one_a_plain_reading_of_the_rules_gives(levels: list[int], approved: int, share: float, poor: set[int]) -> None:
    tiers = [{"name": f"t{at}", "level": at, "quality": 0.1 if at in poor else 0.9, "latency_ms": 1, "healthy": True} for at in levels]
    decision = POLICIES.decide("routing", routing(tiers=tiers, approved_level=approved, budget_share=share))
    wanted = 2 if share >= 1 else 1 if share >= 0.9 else 0
    open_to = [at for at in levels if at not in poor and at <= approved]
    expected = max((at for at in open_to if at <= wanted), default=min(open_to, default=None))
    assert (expected is not None, expected is not None and f"t{expected}") == (decision.allowed, decision.answers.get("tier", False))


@given(used=st.integers(0, 2**53), held=st.integers(0, 2**40), asked=st.integers(0, 2**40), limit=st.integers(0, 2**53))
def test_a_quota_is_counted_exactly(used: int, held: int, asked: int, limit: int) -> None:
    document = quota(used__tokens=used, held__tokens=held, asked__tokens=asked, quota__tokens_per_day=limit)
    decision = POLICIES.decide("quota", document)
    assert (used + held + asked <= limit, max(0, limit - used - held)) == (decision.allowed, decision.answers["remaining_tokens"])


POLICIES = Policies(OURS, seconds=10)


@given(question=st.sampled_from([*QUESTIONS, "quotas"]), document=JSON)
@example(question="quota", document={})
@example(question="quota", document=None)
def test_no_json_makes_it_raise_and_nothing_invalid_is_allowed(question: str, document: Any) -> None:
    decision = POLICIES.decide(question, document)
    assert (False, True) == (decision.allowed, len(decision.reasons) > 0)


@given(data=st.data(), question=st.sampled_from([QUOTA, ROUTING]), value=JSON)
def test_one_wrong_value_anywhere_is_refused_and_named(data: st.DataObject, question: Any, value: Any) -> None:
    document = deepcopy(dict(question.sample))
    place = data.draw(st.sampled_from(places(document)))
    put(document, place, value)
    decision = POLICIES.decide(question.name, document)
    wrong = faults(question, document)
    assert [] == wrong or (False, ["input"] * len(decision.reasons)) == (decision.allowed, rules(decision))
    assert decision.allowed is False or wrong == []


@pytest.mark.parametrize("place", ["used__tokens", "data_age_seconds", "quota__tokens_per_day", "quota__max_data_age_seconds"])
@pytest.mark.parametrize("value", ["97001", True, None, 1.0, -1, 2**53 + 1, math.nan, math.inf, [], {}])
def test_a_count_is_a_whole_number_and_nothing_that_looks_like_one(ours: Policies, place: str, value: Any) -> None:
    decision = ours.decide("quota", quota(**{place: value}))
    assert (False, ["input"]) == (decision.allowed, rules(decision))
    assert decision.reasons[0].message.startswith(f"input.{place.replace('__', '.')} must be ")


@pytest.mark.parametrize("name", ["acme\0evil", "acme\n", "\ud800", "", "a" * 201, "\u202eacme"])
def test_a_name_the_engine_could_read_differently_is_refused(ours: Policies, name: str) -> None:
    assert ["input"] == rules(ours.decide("quota", quota(tenant=name)))


def test_a_field_nobody_knows_is_refused_with_what_was_meant(ours: Policies) -> None:
    decision = ours.decide("quota", quota(quota__token_per_day=5))
    assert ["input.quota has an unknown field 'token_per_day'. Did you mean 'tokens_per_day'?"] == [
        each.message for each in decision.reasons
    ]


def test_a_missing_quota_is_refused_and_not_taken_for_none(ours: Policies) -> None:
    document = quota()
    del document["quota"]
    assert ["input.quota is missing"] == [reason.message for reason in ours.decide("quota", document).reasons]


def test_two_tiers_on_one_level_are_refused(ours: Policies) -> None:
    tiers = [*ROUTING.sample["tiers"], {**ROUTING.sample["tiers"][0], "name": "other"}]
    decision = ours.decide("routing", routing(tiers=tiers))
    assert ["input.tiers holds two tiers with the same level"] == [reason.message for reason in decision.reasons]


def test_a_question_nobody_answers_is_refused(ours: Policies) -> None:
    decision = ours.decide("quotas", quota())
    assert ["'quotas' is no question; the questions are quota, routing. Did you mean 'quota'?"] == [
        each.message for each in decision.reasons
    ]


def test_an_object_that_only_looks_like_json_is_refused(ours: Policies) -> None:
    class Odd(dict[str, Any]):
        def __contains__(self, key: object) -> bool:
            raise RecursionError("odd")

    assert ["the input cannot be read: odd"] == [reason.message for reason in ours.decide("quota", Odd(a=1)).reasons]


def places(value: Any) -> list[tuple[Any, ...]]:
    """Every place in a document that holds a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in pairs for place in [(key,), *((key, *rest) for rest in places(inner))]]


def put(document: Any, place: tuple[Any, ...], value: Any) -> None:
    for key in place[:-1]:
        document = document[key]
    document[place[-1]] = value
