"""What one worker lets through, and what it counts."""

import time
from decimal import Decimal

import pytest

from gateway.decide import Asked
from gateway.guard import FORGOTTEN, Guard, RefusedError
from gateway.prices import Tokens
from tests.gateway.made import CHEAP, PREMIUM, Worker, limit


def refusal(guard: Guard, key: str = "key-ml", asked: Asked | None = None) -> RefusedError:
    with pytest.raises(RefusedError) as found:
        guard.reserve(guard.admit(key), "call", asked or Asked("premium", 10, 10))
    return found.value


def test_a_key_tells_who_it_is_and_nothing_else_does() -> None:
    guard = Worker().with_limits()
    assert {"team": "ml", "tenant": "acme", "route": "chat"} == guard.admit("key-ml").dimensions
    assert 401 == refusal(guard, "key-of-a-stranger").status


def test_before_the_first_snapshot_everything_is_refused() -> None:
    assert (503, 1.0) == ((found := refusal(Worker().guard)).status, found.retry_after)


def test_a_stale_snapshot_refuses_closed_routes_and_lets_open_ones_through() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(when_unsure="closed"), limit({"team": ["ads"]}, when_unsure="open"), fresh=15)
    worker.clock.now += 15
    assert 503 == refusal(guard, "key-ml").status
    assert 503 == refusal(guard, "key-lab").status  # no limit says anything: closed
    assert guard.reserve(guard.admit("key-ads"), "a", Asked("premium")).allow
    guard.freshen(worker.clock.now + 15)
    assert guard.admit("key-ml")


def test_one_closed_limit_closes_a_route_that_another_opens() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(when_unsure="open"), limit({"route": ["chat"]}, when_unsure="closed"), fresh=15)
    worker.clock.now += 15
    assert 503 == refusal(guard).status


def test_an_older_snapshot_is_refused_for_good() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(block={"reason": "stop"}), version=7)
    worker.with_limits(version=6)
    assert (7, 429) == (guard.version, refusal(guard).status)


def test_a_blocked_team_is_refused_at_the_door_and_others_are_not() -> None:
    guard = Worker().with_limits(limit(block={"reason": "over budget"}))
    with pytest.raises(RefusedError, match="over budget"):
        guard.admit("key-ml")
    assert guard.admit("key-ads")


def test_who_is_barred_is_told_without_counting_anything() -> None:
    guard = Worker().with_limits(limit(block={"reason": "over budget"}), limit(requests_per_second=1, burst=1))
    assert (429, "over budget") == ((found := guard.barred("key-ml")) and found.status, found and found.reason)
    assert [None, None, None] == [guard.barred(key) for key in ("key-ads", "key-ads", "a stranger's")]


def test_where_nothing_is_sure_nobody_is_barred_before_litellm_asks() -> None:
    assert None is Guard(time.monotonic, time.time).barred("key-ml")


def test_requests_beyond_the_rate_are_told_when_to_come_back() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(requests_per_second=2, burst=1))
    guard.admit("key-ml")
    assert (429, 0.5) == ((found := refusal(guard)).status, found.retry_after)
    worker.clock.now += 0.5
    guard.admit("key-ml")


def test_two_workers_share_a_rate_between_them() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(requests_per_second=10, burst=4), workers=2)
    assert [5.0, True] == [guard.admit("key-ml") and guard.rate("q"), guard.admit("key-ml") is not None]
    with pytest.raises(RefusedError):
        guard.admit("key-ml")


def test_a_refusal_by_one_rate_takes_nothing_from_another() -> None:
    worker = Worker()
    slow = {"id": "slow", "match": {"tenant": ["acme"]}, "requests_per_second": 1, "burst": 1}
    guard = worker.with_limits(limit(requests_per_second=0.001, burst=2), slow)
    guard.admit("key-ml")
    for _ in range(5):
        assert "slow" in refusal(guard).reason
    worker.clock.now += 1
    assert guard.admit("key-ml")


def test_a_rate_for_one_model_is_counted_when_that_model_is_asked_for() -> None:
    guard = Worker().with_limits(limit({"model": ["premium"]}, requests_per_second=1, burst=1))
    assert guard.reserve(guard.admit("key-ml"), "a", Asked("premium")).allow
    assert guard.reserve(guard.admit("key-ml"), "b", Asked("cheap")).allow
    assert 429 == refusal(guard).status


def test_a_quota_waits_for_its_share_and_then_counts_what_was_really_used() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(tokens_per_day=1_000))
    assert refusal(guard).waits
    worker.grant(tokens=100)
    guard.reserve(guard.admit("key-ml"), "a", Asked("premium", 60, 40))
    assert refusal(guard).waits
    guard.settle("a", "premium", Tokens(30, 10))
    assert guard.reserve(guard.admit("key-ml"), "b", Asked("premium", 30, 30)).allow


def test_a_quota_that_is_dry_refuses_until_the_day_ends() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(tokens_per_day=1_000))
    refusal(guard)
    worker.grant(tokens=5, dry=True)
    assert (False, 3600.0) == ((found := refusal(guard)).waits, found.retry_after)


def test_a_share_is_void_once_its_time_is_over() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(tokens_per_day=1_000))
    refusal(guard)
    worker.grant(tokens=1_000)
    worker.clock.now += 60
    assert refusal(guard).waits


def test_money_is_set_aside_at_the_price_of_the_model_that_will_answer() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(cost_per_day="1", fallback={"premium": "cheap"}))
    refusal(guard)
    worker.grant(cost=str(CHEAP.of(Tokens(100, 100))))
    assert "cheap" == guard.reserve(guard.admit("key-ml"), "a", Asked("premium", 100, 100)).model


def test_a_model_nobody_has_a_price_for_costs_the_ceiling_and_never_nothing() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(cost_per_day="1"))
    refusal(guard, asked=Asked("odd", 100, 100))
    worker.grant(cost="1")
    guard.reserve(guard.admit("key-ml"), "a", Asked("odd", 100, 100))
    settled = guard.settle("a", "vendor/odd-1", Tokens(100, 100))
    assert settled
    assert (False, PREMIUM.of(Tokens(100, 100))) == (settled.priced, settled.cost)


def test_without_any_price_a_limited_cost_is_refused() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(cost_per_day="1"), prices={})
    assert (503, True) == ((found := refusal(guard)).status, found.reason.startswith("nobody knows what premium costs"))


def test_cached_tokens_cost_what_cached_tokens_cost() -> None:
    cost = PREMIUM.of(Tokens(input=100, output=10, cache_read=50, cache_write=20))
    assert Decimal("0.00105") == cost  # 30 × 0.00001 + 50 × 0.000001 + 20 × 0.00002 + 10 × 0.00003


def test_a_failed_request_gives_back_what_it_had_set_aside() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(tokens_per_day=100))
    refusal(guard)
    worker.grant(tokens=100)
    guard.reserve(guard.admit("key-ml"), "a", Asked("premium", 50, 50))
    assert guard.release("a")
    assert (None, None) == (guard.release("a"), guard.settle("a", "premium", Tokens(1, 1)))
    assert guard.reserve(guard.admit("key-ml"), "b", Asked("premium", 50, 50)).allow


def test_a_request_nobody_heard_of_again_counts_as_used() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(tokens_per_day=100))
    refusal(guard)
    worker.grant(tokens=100, lasts=1e6)
    guard.reserve(guard.admit("key-ml"), "a", Asked("premium", 50, 50))
    worker.clock.now += FORGOTTEN + 1
    assert 1 == guard.sweep()
    [(_, report)] = guard.reports(0, everything=True)
    assert {"tokens": 100, "cost": "0.002000"} == report["used"]


def test_counters_go_on_when_a_snapshot_changes_something_else() -> None:
    worker = Worker()
    guard = worker.with_limits(limit(requests_per_second=1, burst=1))
    guard.admit("key-ml")
    worker.with_limits(limit(requests_per_second=1, burst=1), limit({"team": ["ads"]}) | {"id": "other"}, version=2)
    assert 429 == refusal(guard).status


def test_names_of_models_from_clients_fill_no_memory_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.guard.MOST_PLANS", 10)
    guard = Worker().with_limits()
    for number in range(50):
        guard.release(str(number)) if guard.reserve(guard.admit("key-ml"), str(number), Asked(f"model-{number}")).allow else None
    assert len(guard._plans) <= 11


def test_a_circuit_that_opened_lets_one_request_probe() -> None:
    worker = Worker()
    guard = worker.with_limits()
    for number in range(10):
        guard.reserve(guard.admit("key-ml"), str(number), Asked("premium"))
        opened = guard.note(str(number), "premium", ok=False)
        guard.release(str(number))
    assert opened
    assert 503 == refusal(guard).status
    worker.clock.now += 10
    guard.reserve(guard.admit("key-ml"), "probe", Asked("premium"))
    assert 503 == refusal(guard).status
    assert guard.note("probe", "premium", ok=True)
    assert guard.reserve(guard.admit("key-ml"), "after", Asked("premium")).allow


STRICT = {"failures": 1.0, "requests": 2, "within": 60.0, "pause": 60.0}


def failed(guard: Guard, key: str, times: int) -> None:
    for number in range(times):
        guard.reserve(guard.admit(key), f"{key}-{number}", Asked("premium"))
        guard.note(f"{key}-{number}", "premium", ok=False)
        guard.release(f"{key}-{number}")


def test_a_route_with_a_circuit_of_its_own_is_left_alone_without_the_others() -> None:
    guard = Worker().with_limits(limit({"team": ["ml"]}, circuit=STRICT))
    failed(guard, "key-ml", 2)
    assert 503 == refusal(guard).status
    assert guard.reserve(guard.admit("key-ads"), "b", Asked("premium")).allow
    assert guard.reserve(guard.admit("key-ml"), "c", Asked("cheap")).allow


def test_each_route_has_its_own_circuit_where_the_quota_counts_each() -> None:
    guard = Worker().with_limits(limit({"tenant": ["*"]}, circuit=STRICT))
    failed(guard, "key-ads", 2)
    assert guard.reserve(guard.admit("key-ml"), "b", Asked("premium")).allow
    failed(guard, "key-lab", 2)
    assert 503 == refusal(guard).status  # the same tenant


def test_an_open_route_goes_on_trying_a_model_that_fails() -> None:
    guard = Worker().with_limits(limit({"team": ["ml"]}, circuit=STRICT, when_unsure="open"))
    failed(guard, "key-ml", 2)
    assert guard.reserve(guard.admit("key-ml"), "b", Asked("premium")).allow


def test_a_circuit_stays_open_over_a_new_snapshot_and_begins_anew_by_a_new_rule() -> None:
    worker = Worker()
    failed(worker.with_limits(limit(circuit=STRICT)), "key-ml", 2)
    assert 503 == refusal(worker.with_limits(limit(circuit=STRICT), version=2)).status
    guard = worker.with_limits(limit(circuit=STRICT | {"requests": 3}), version=3)
    assert guard.reserve(guard.admit("key-ml"), "b", Asked("premium")).allow
