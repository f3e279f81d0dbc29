"""From quotas and effects to a snapshot, and through its seal into a gateway."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.configuration.rulebook_quotas import Bounds, Circuit, Quota
from finops.errors import UserError
from finops.guard.snapshot import Effect, Figures, TokenPrice, compile_snapshot, content_digest, read_target, still
from gateway.circuits import Rule
from gateway.prices import Tokens
from gateway.snapshot import Said, SnapshotError, key_digest, seal, unseal

KEY = b"key-of-the-snapshots-0123456789abcdef"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MATCH = (("route", ("chat",)), ("team", ("ml",)))
QUOTA = Quota(
    MATCH,
    requests_per_second=Decimal("2.5"),
    burst=7,
    tokens_per_day=1_000,
    cost_per_day=Decimal("12.345678"),
    max_input_tokens=100,
    max_output_tokens=50,
    fallback=(("premium", "cheap"),),
    when_unsure="open",
    bounds=Bounds(Decimal(1), Decimal(16)),
    circuit=Circuit(Decimal("0.2"), 5, timedelta(minutes=1), timedelta(seconds=90)),
)


def passed(*quotas: Quota, effects: tuple[Effect, ...] = (), figures: Figures | None = None) -> Said:
    document = compile_snapshot(3, NOW, quotas, effects, {key_digest("k"): {"team": "ml"}}, figures)
    return unseal(seal({**document, "nonce": "n"}, KEY), KEY)


def test_a_quota_arrives_whole() -> None:
    said = passed(QUOTA, figures=Figures(burn={QUOTA.id: Decimal("2.5")}))
    assert said.snapshot
    [limit] = said.snapshot.limits
    assert (QUOTA.id, 2.5, 7.0, 1_000, Decimal("12.345678")) == (
        limit.id,
        limit.requests_per_second,
        limit.burst,
        limit.tokens_per_day,
        limit.cost_per_day,
    )
    assert (100, 50, {"premium": "cheap"}, {}, False) == (
        limit.max_input_tokens,
        limit.max_output_tokens,
        limit.spare,
        limit.fallback,
        limit.closed,
    )
    assert limit.adaptive
    assert (1.0, 16.0, 2.5) == (limit.adaptive.least, limit.adaptive.most, limit.adaptive.burn)
    assert Rule(0.2, 5, 60.0, 90.0) == limit.circuit
    assert (True, False) == (limit.fits({"team": "ml", "route": "chat"}), limit.fits({"team": "ml"}))


def test_a_quota_that_says_little_limits_little() -> None:
    said = passed(Quota(MATCH, max_output_tokens=5))
    assert said.snapshot
    [limit] = said.snapshot.limits
    assert (None, None, None, False, True) == (
        limit.requests_per_second,
        limit.adaptive,
        limit.until,
        limit.has_quota,
        limit.closed,
    )


def test_effects_come_after_the_quotas_with_their_end_and_without_an_opinion_on_doubt() -> None:
    until = NOW + timedelta(hours=2)
    effects = (
        Effect("P-1", "gateway.fallback", "team=ml route=chat", {"fallback": {"premium": "cheap"}}, until),
        Effect("P-2", "gateway.throttle", "team=ads", {"requests_per_second": Decimal("0.5"), "cost_per_day": Decimal("3.10")}, until),
        Effect("P-3", "gateway.block", "team=lab", {}, until),
        Effect("P-4", "gateway.block", "team=old", {}, NOW),
    )
    said = passed(effects=effects)
    assert said.snapshot
    limits = said.snapshot.limits
    assert ["P-1 team=ml route=chat", "P-2 team=ads", "P-3 team=lab"] == [limit.id for limit in limits]
    assert ({"premium": "cheap"}, 0.5, Decimal("3.10"), "blocked by P-3") == (
        limits[0].fallback,
        limits[1].requests_per_second,
        limits[1].cost_per_day,
        limits[2].block,
    )
    assert {(until.timestamp(), None)} == {(limit.until, limit.closed) for limit in limits}


@pytest.mark.parametrize(
    ("lever", "parameters"),
    [
        ("gateway.fallback", {}),
        ("gateway.throttle", {"speed": 3}),
        ("aws.stop_instances", {"reason": "x"}),
        ("gateway.fallback", {"fallback": 3}),
    ],
)
def test_an_effect_that_no_gateway_knows_is_refused(lever: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="does nothing a gateway knows"):
        passed(effects=(Effect("P-1", lever, "team=ml", parameters),))


@pytest.mark.parametrize("target", ["", "ml", "team=", "=ml", "team=a,,b", 'team="ml'])
def test_a_target_that_is_no_scope_is_refused(target: str) -> None:
    with pytest.raises(UserError, match="is not a target"):
        read_target(target)


def test_prices_arrive_to_the_last_digit() -> None:
    said = passed(figures=Figures(prices={"m": TokenPrice(Decimal("2.5"), Decimal(10), Decimal("0.3"))}))
    assert said.snapshot
    price = said.snapshot.prices.known("vendor/m")
    assert price
    assert Decimal("0.000625") - Decimal("0.000019") == price.of(Tokens(100, 40, cache_read=20))  # 80×2.5 + 20×0.3 + 40×10 a million


def test_the_ceiling_is_the_highest_of_each_kind() -> None:
    prices = {"a": TokenPrice(Decimal(1), Decimal(9)), "b": TokenPrice(Decimal(3), Decimal(2))}
    said = passed(figures=Figures(prices=prices))
    assert said.snapshot
    ceiling = said.snapshot.prices.of("nobody knows it")
    assert ceiling
    assert (Decimal("0.000003"), Decimal("0.000009")) == (ceiling.input, ceiling.output)


def test_what_still_holds_is_said_without_repeating_it() -> None:
    said = unseal(seal({**still(3, NOW), "nonce": "n"}, KEY), KEY)
    assert Said(3, 15.0, "n", None) == said


def test_the_same_content_has_the_same_digest_whenever_it_is_said() -> None:
    documents = [compile_snapshot(version, at, [QUOTA], (), {}) for version, at in ((1, NOW), (2, NOW + timedelta(days=1)))]
    other = compile_snapshot(1, NOW, [Quota(MATCH, tokens_per_day=1_001)], (), {})
    assert (True, False) == (
        content_digest(documents[0]) == content_digest(documents[1]),
        content_digest(other) == content_digest(documents[0]),
    )


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_nothing_but_what_was_sealed_is_taken(text: bytes | str) -> None:
    with pytest.raises(SnapshotError):
        unseal(text, KEY)


@pytest.mark.parametrize("broken", [{}, {"version": 1}, {"version": "x", "ttl_seconds": 1, "kind": "snapshot"}, {"limits": [{}]}])
def test_a_signed_document_that_is_no_snapshot_is_refused_with_a_sentence(broken: dict[str, Any]) -> None:
    with pytest.raises(SnapshotError, match="a signed snapshot cannot be read"):
        unseal(seal(broken, KEY), KEY)
