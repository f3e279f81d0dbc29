"""Effects and gateway effects in the state database, and the gateway's levers over them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, inspect

from finops.configuration.rulebook_approvals import Guard
from finops.errors import LedgerError, LeverError
from finops.guard.levers.gateway import gateway_levers
from finops.guard.plans import Plan
from finops.guard.snapshot import Effect, compile_snapshot
from finops.ledger.carrying_out import carry_out, end_early, settle
from finops.ledger.effecting import Hands
from finops.ledger.effects import NEXT, OvertakenError, effects_of, hold, intend, mark, release, take
from finops.ledger.gateway import Gateways
from finops.ledger.gateway_effects import Board, in_force
from finops.ledger.proposals import Asked, Proposal, proposal, propose
from finops.ledger.renewing import renew
from finops.ledger.state import open_state, writing
from finops.ledger.tables import metadata
from tests.ledger.acting_case import ACTS, Clock
from tests.ledger.proposed import ANA, BRUNO, NOON, ONE, PLAN, click, proposed

CHAT = "team=ml route=chat"
SEARCH = "team=search"
FALLBACK = {"fallback": {"premium": "cheap"}}
LEASE = timedelta(minutes=5)


@pytest.fixture
def engine(state_url: str) -> Iterator[Engine]:
    opened = open_state(state_url)
    yield opened
    opened.dispose()


class Gateway:
    """Hands on the gateway's levers."""

    def __init__(self, engine: Engine, guard: Guard = ACTS) -> None:
        self.engine, self.guard, self.clock = engine, guard, Clock()
        self.levers = gateway_levers(Board(engine, self.clock), lambda: self.guard)
        self.hands = Hands(engine, self.levers, lambda: self.guard, self.clock, "tests")

    def plan(self, *targets: str, lever: str = "gateway.fallback", finding: str = "f", given: Any = FALLBACK) -> Plan:
        before = self.levers[lever].look(targets or (CHAT,), given)
        return replace(PLAN, lever=lever, targets=tuple(before), parameters=given, before=before, evidence={"finding": finding})

    def approved(self, *targets: str, finding: str = "f", **more: Any) -> Proposal:
        plan = self.plan(*targets, finding=finding, **more)
        one = propose(self.engine, Asked(plan, finding, "finops-bot", ONE, "slack:#ml-costs"), self.clock()).proposal
        return click(self.engine, one, ANA, at=self.clock()).proposal

    def told(self) -> list[Effect]:
        return in_force(self.engine, self.clock())


@pytest.fixture
def gateway(engine: Engine) -> Gateway:
    return Gateway(engine)


def test_the_migration_makes_the_tables_as_they_are_declared(engine: Engine) -> None:
    found = inspect(engine)
    for name in ("effects", "executions", "gateway_effects", "measured_savings"):
        declared = metadata.tables[name]
        columns = {(each["name"], each["type"].compile(engine.dialect), each["nullable"]) for each in found.get_columns(name)}
        assert {(each.name, each.type.compile(engine.dialect), each.nullable) for each in declared.columns} == columns
        assert [each.name for each in declared.primary_key] == found.get_pk_constraint(name)["constrained_columns"]
        assert {each.name for each in declared.indexes} == {each["name"] for each in found.get_indexes(name)}


def test_a_target_goes_from_stage_to_stage_of_the_table_and_nowhere_else(engine: Engine) -> None:
    one = proposed(engine)
    with writing(engine) as tx:
        intend(tx, one.number, ["a"], NOON)
        [effect] = effects_of(tx, one.number)
        for stage in NEXT:
            if stage not in NEXT["intended"]:
                with pytest.raises(LedgerError, match=f"a is intended and cannot become {stage}"):
                    mark(tx, effect, stage, NOON)
        assert "calling" == mark(tx, effect, "calling", NOON, attempts=1).stage
        with pytest.raises(OvertakenError):
            mark(tx, effect, "calling", NOON, attempts=1)


def test_one_worker_at_a_time_and_a_late_one_cannot_write(engine: Engine) -> None:
    one = proposed(engine).number
    assert [1, None] == [take(engine, one, each, NOON, LEASE) for each in ("x", "y")]
    assert 2 == take(engine, one, "y", NOON + LEASE, LEASE)
    with writing(engine) as tx, pytest.raises(OvertakenError, match="P-1 was taken over"):
        hold(tx, one, 1, NOON + LEASE)
    release(engine, one, 1, NOON)  # whose turn is over gives nothing free
    assert None is take(engine, one, "x", NOON + LEASE, LEASE)
    release(engine, one, 2, NOON)
    assert 3 == take(engine, one, "x", NOON, LEASE)


def test_a_lease_written_by_a_wrong_clock_binds_nobody(engine: Engine) -> None:
    one = proposed(engine).number
    assert 1 == take(engine, one, "x", NOON + timedelta(days=40), LEASE)
    assert 2 == take(engine, one, "y", NOON, LEASE)


def test_gateways_learn_of_a_plan_when_it_is_in_force_and_of_its_end(gateway: Gateway, engine: Engine) -> None:
    one = gateway.approved(CHAT, SEARCH)
    assert ([], 0) == (gateway.told(), Gateways(engine).version())
    carry_out(gateway.hands, one.id)
    until = NOON + timedelta(hours=2)
    assert [Effect("P-1", "gateway.fallback", each, FALLBACK, until) for each in (CHAT, SEARCH)] == gateway.told()
    assert 2 == Gateways(engine).version()
    limits = compile_snapshot(2, NOON, (), gateway.told(), {})["limits"]
    assert [{"premium": "cheap"}] * 2 == [limit["fallback"] for limit in limits]
    end_early(gateway.hands, one.id, ANA, "enough")
    assert ([], 4) == (gateway.told(), Gateways(engine).version())


def test_what_is_over_gateways_leave_out_also_before_anybody_has_put_it_back(gateway: Gateway) -> None:
    one = gateway.approved()
    carry_out(gateway.hands, one.id)
    gateway.clock.forward(hours=2)
    assert ([], "active") == (gateway.told(), proposal(gateway.engine, one.id).state)
    settle(gateway.hands)
    assert "ended" == proposal(gateway.engine, one.id).state


def test_the_lever_moves_nothing_without_an_approval_of_exactly_that_plan(gateway: Gateway) -> None:
    lever, plan = gateway.levers["gateway.fallback"], gateway.plan()
    with pytest.raises(LeverError, match="nobody agreed to the plan"):
        lever.apply(plan, CHAT)
    gateway.approved()
    with pytest.raises(LeverError, match="or it is not being carried out"):
        lever.apply(plan, CHAT)
    with pytest.raises(LeverError, match="is not in this plan"):
        lever.apply(plan, SEARCH)
    assert [] == gateway.told()


def test_v9_another_plan_for_the_same_requests_came_first(gateway: Gateway) -> None:
    one, other = gateway.approved(finding="1"), gateway.approved(finding="2")
    assert [True, True] == [carry_out(gateway.hands, each.id).happened for each in (one, other)]
    assert ["active", "superseded"] == [proposal(gateway.engine, each.id).state for each in (one, other)]
    assert ["P-1"] == [each.id for each in gateway.told()]


def test_one_on_top_of_another_is_taken_away_by_itself(gateway: Gateway) -> None:
    """The second plan was made while the first was in force, and the first ends before it."""
    first = gateway.approved(finding="1")
    carry_out(gateway.hands, first.id)
    second = gateway.approved(finding="2", given={"fallback": {"premium": "cheaper"}})
    carry_out(gateway.hands, second.id)
    end_early(gateway.hands, first.id, ANA, None)
    assert ["P-2"] == [each.id for each in gateway.told()]
    end_early(gateway.hands, second.id, ANA, None)
    assert [] == gateway.told()


def test_renewed_gateways_keep_it_without_a_gap(gateway: Gateway, engine: Engine) -> None:
    one = gateway.approved()
    carry_out(gateway.hands, one.id)
    gateway.clock.forward(minutes=110)
    new = renew(engine, one.id, BRUNO, gateway.clock()).proposal
    click(engine, new, ANA, at=gateway.clock())
    carry_out(gateway.hands, new.id)
    assert [("P-2", gateway.clock() + timedelta(hours=2))] == [(each.id, each.until) for each in gateway.told()]


@pytest.mark.parametrize(
    ("target", "given", "why"),
    [
        ("", FALLBACK, "is not a target"),
        ("team=", FALLBACK, "is not a target"),
        ("account=1", FALLBACK, "a request has no account"),
        ("team=ml env=prod", FALLBACK, "may hold requests in env=prod"),
        ("team=ml", FALLBACK, "may hold requests in env=prod"),
        ("team=ml env=p*", FALLBACK, "may hold requests in env=prod"),
        ("team=pay env=dev", FALLBACK, "is protected by team=pay*"),
        ("team=ml env=dev", {"fallback": {}}, "does nothing a gateway knows"),
        ("team=ml env=dev", {}, "does nothing a gateway knows"),
    ],
)
def test_what_is_protected_or_makes_no_sense_is_not_even_proposed(engine: Engine, target: str, given: Any, why: str) -> None:
    guard = Guard(dry_run=False, protected_tags=("team=pay*",), deny_scopes=((("env", ("prod",)),), (("account", ("9",)),)))
    with pytest.raises(LeverError, match=why.replace("*", r"\*")):
        Gateway(engine, guard).levers["gateway.fallback"].look([target], given)


def test_requests_outside_of_what_is_protected_may_be_moved(engine: Engine) -> None:
    guard = Guard(dry_run=False, deny_scopes=((("env", ("prod",)),),))
    assert {"env=dev": {"in_force": []}} == Gateway(engine, guard).levers["gateway.block"].look(["env=dev"], {})


@pytest.mark.parametrize(("guard", "why"), [(Guard(), "only says what it would do"), (Guard(stop=True, dry_run=False), "guard.stop")])
def test_the_lever_itself_refuses_while_nothing_may_act(gateway: Gateway, guard: Guard, why: str) -> None:
    plan = gateway.plan()
    gateway.guard = guard
    with pytest.raises(LeverError, match=why):
        gateway.levers["gateway.fallback"].apply(plan, CHAT)


def test_it_says_what_it_would_do(gateway: Gateway) -> None:
    plans = {
        "gateway.fallback": (FALLBACK, f"cheap answers instead of premium for requests of {CHAT}, for 2 h"),
        "gateway.block": ({}, f"refuses everything for requests of {CHAT}, for 2 h"),
        "gateway.throttle": ({"requests_per_second": "2.5"}, f"allows at most 2.5 requests per second for requests of {CHAT}, for 2 h"),
    }
    for lever, (given, said) in plans.items():
        assert [said] == gateway.levers[lever].describe(gateway.plan(lever=lever, given=given))
