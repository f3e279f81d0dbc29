"""The decision about one request, case by case."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.decide import Asked, Decision, Lack, decide
from gateway.limits import Limit, read_limit
from tests.gateway.made import limit

NOW = 1_790_000_000.0


@dataclass
class Known:
    """Quotas by limit id, circuits by model."""

    lacks: dict[str, Lack] = field(default_factory=dict)
    broken_models: dict[str, float] = field(default_factory=dict)

    def lack(self, limit: Limit, model: str) -> Lack | None:
        return self.lacks.get(limit.id)

    def broken(self, model: str) -> float:
        return self.broken_models.get(model, 0.0)


def decided(*limits: dict[str, Any], asked: Asked | None = None, known: Known | None = None, closed: bool = True) -> Decision:
    read = [read_limit(each) for each in limits]
    return decide(read, asked or Asked("premium", 100), NOW, known or Known(), closed=closed)


def test_without_limits_a_request_goes_to_the_model_it_asked_for() -> None:
    assert Decision(True, "premium") == decided()


def test_a_fallback_in_force_reroutes_and_says_which_effect_did() -> None:
    found = decided(limit(fallback={"premium": "cheap"}))
    assert ("cheap", ("cheap answers instead of premium (q)",), ("q",)) == (found.model, found.reasons, found.limits)


def test_fallbacks_are_followed_to_their_end_and_never_in_circles() -> None:
    chain = limit(fallback={"premium": "middle", "middle": "cheap"})
    assert "cheap" == decided(chain).model
    assert "middle" == decided(limit(fallback={"premium": "middle", "middle": "premium"})).model


def test_a_fallback_for_every_model_leaves_its_own_target_alone() -> None:
    anything = limit(fallback={"*": "cheap"})
    assert ["cheap", "cheap"] == [decided(anything, asked=Asked(model)).model for model in ("premium", "cheap")]


def test_an_effect_ends_by_itself() -> None:
    over = limit(fallback={"premium": "cheap"}, until="2026-01-01T00:00:00Z")
    assert "premium" == decided(over).model


def test_a_block_is_refused_until_it_ends() -> None:
    found = decided(limit(block={"reason": "over budget", "until": "2026-12-01T00:00:00Z"}))
    assert (False, 429, ("over budget",)) == (found.allow, found.status, found.reasons)
    assert found.retry_after == pytest.approx(1_796_083_200 - NOW)


def test_input_beyond_the_limit_is_refused_before_anything_is_counted() -> None:
    found = decided(limit(max_input_tokens=99))
    assert (413, ("about 100 tokens of input where q allows 99; send less",)) == (found.status, found.reasons)


def test_the_lowest_cap_on_output_holds() -> None:
    caps = [limit(max_output_tokens=500), limit(max_output_tokens=300)]
    assert [300, 300, 200] == [decided(*caps, asked=Asked("m", 1, said)).max_output_tokens for said in (None, 400, 200)]


def test_a_quota_used_up_refuses_until_tomorrow() -> None:
    found = decided(limit(tokens_per_day=10), known=Known({"q": Lack(True, 3600.0)}))
    assert (429, 3600.0, ("the quota of q is used up for today",), False) == (found.status, found.retry_after, found.reasons, found.waits)


def test_a_quota_used_up_lets_its_spare_model_answer() -> None:
    found = decided(limit(tokens_per_day=10, spare={"premium": "cheap"}), known=Known({"q": Lack(True, 3600.0)}))
    assert (True, "cheap", ("the quota of q is used up, so cheap answers",)) == (found.allow, found.model, found.reasons)


def test_a_quota_used_up_lets_the_spare_model_be_asked_for_outright() -> None:
    quota = limit(tokens_per_day=10, spare={"premium": "cheap"})
    assert decided(quota, asked=Asked("cheap"), known=Known({"q": Lack(True, 3600.0)})).allow


@pytest.mark.parametrize(("closed", "allow"), [(True, False), (False, True)])
def test_a_quota_nobody_can_tell_of_refuses_only_where_the_route_is_closed(closed: bool, allow: bool) -> None:
    found = decided(limit(tokens_per_day=10), known=Known({"q": Lack(False, 1.0)}), closed=closed)
    assert (allow, closed) == (found.allow, found.waits)


def test_a_broken_model_is_answered_for_by_its_spare() -> None:
    assert "cheap" == decided(limit(spare={"premium": "cheap"}), known=Known(broken_models={"premium": 5.0})).model


@pytest.mark.parametrize(("closed", "status"), [(True, 503), (False, 200)])
def test_a_broken_model_without_a_spare_is_refused_where_the_route_is_closed(closed: bool, status: int) -> None:
    assert status == decided(known=Known(broken_models={"premium": 5.0}), closed=closed).status


def test_a_spare_that_is_broken_too_helps_nobody() -> None:
    found = decided(limit(spare={"premium": "cheap"}), known=Known(broken_models={"premium": 5.0, "cheap": 1.0}))
    assert (False, 503, 5.0) == (found.allow, found.status, found.retry_after)


@pytest.mark.parametrize(
    ("match", "who", "fits"),
    [
        ({}, {}, True),
        ({"team": ["ml"]}, {"team": "ml"}, True),
        ({"team": ["ml", "ads"]}, {"team": "ads"}, True),
        ({"team": ["ml"]}, {"team": "ads"}, False),
        ({"team": ["ml"]}, {}, False),
        ({"team": ["ml"], "env": ["prod"]}, {"team": "ml", "env": "dev"}, False),
        ({"model": ["gpt-*"]}, {"model": "gpt-4o"}, True),
        ({"tenant": "*"}, {"tenant": "acme"}, True),
        ({"tenant": "*"}, {}, False),
    ],
)
def test_a_limit_fits_where_every_dimension_does(match: dict[str, Any], who: dict[str, str], fits: bool) -> None:
    assert fits == read_limit(limit(match)).fits(who)


def test_each_value_of_a_star_has_a_count_of_its_own() -> None:
    read = read_limit(limit({"tenant": ["*"], "route": ["chat"]}))
    assert ["tenant=a", "tenant=b"] == [read.subject({"tenant": tenant, "route": "chat"}) for tenant in "ab"]
