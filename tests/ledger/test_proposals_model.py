"""Proposals against a small model: votes, double votes, denials, withdrawals, clock jumps, crashes at any statement, a second worker."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any, ClassVar, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine

from finops.guard.proposals import FINAL, Event
from finops.ledger.audit_verify import verify
from finops.ledger.proposals import Move, expire_due, history_of, proposal, propose, step
from finops.ledger.voting import cancel
from tests.ledger.alerts_case import DiedError, dying
from tests.ledger.proposed import ANA, BOTH, BRUNO, CHEN, DORA, KEYS, NOON, asked, click, voter

PEOPLE = st.sampled_from([ANA, BRUNO, CHEN, DORA])
REQUESTER = BRUNO
NEXT: Final[dict[str, tuple[Event, str]]] = {
    "executing": ("applied", "active"),
    "active": ("end", "reverting"),
    "reverting": ("reverted", "ended"),
}


class Model:
    """What must be true: the state, who voted, and until when."""

    def __init__(self) -> None:
        self.state, self.voted, self.until = "pending", set[str](), NOON + timedelta(hours=24)

    def expires(self, now: Any) -> bool:
        if self.state in ("pending", "approved") and self.until <= now:
            self.state = "expired"
            return True
        return False

    def vote(self, person: str, now: Any, *, approves: bool) -> bool:
        if self.state not in ("pending", "approved") or person in self.voted or self.expires(now) or person == REQUESTER:
            return False
        if approves and self.state == "approved":
            return False
        self.voted.add(person)
        if not approves:
            self.state = "denied"
        elif self.voted >= {ANA, CHEN} or self.voted >= {ANA, DORA} or self.voted >= {CHEN, DORA}:
            self.state, self.until = "approved", now + timedelta(minutes=15)
        return True


class Proposals(RuleBasedStateMachine):
    """One proposal that needs somebody of each of two groups; the requester is in one of them."""

    engines: ClassVar[list[Engine]]
    numbers: ClassVar[Iterator[int]]

    @initialize()
    def begin(self) -> None:
        self.now, self.model = NOON, Model()
        self.one = propose(self.engines[0], asked(BOTH, requester=REQUESTER, finding=f"model {next(self.numbers)}"), NOON).proposal

    @rule(person=PEOPLE, approves=st.booleans(), process=st.integers(0, 1), twice=st.booleans())
    def votes(self, person: str, approves: bool, process: int, twice: bool) -> None:
        for _ in range(1 + twice):
            done = click(self.engines[process], self.one, person, "approve" if approves else "deny", self.now)
            assert done.said
            assert self.model.vote(person, self.now, approves=approves) == (done.outcome != "refused")

    @rule(admin=st.booleans())
    def is_taken_back(self, admin: bool) -> None:
        done = cancel(self.engines[0], self.one.id, voter(REQUESTER if not admin else ANA), self.now, admin=admin)
        assert done.happened == (self.model.state in ("pending", "approved"))
        self.model.state = "cancelled" if done.happened else self.model.state

    @rule(process=st.integers(0, 1))
    def starts(self, process: int) -> None:
        done = step(self.engines[process], self.one.id, "start", Move("worker", self.now))
        assert done.happened == (self.model.state == "approved" and not self.model.expires(self.now))
        self.model.state = "executing" if done.happened else self.model.state

    @precondition(lambda self: self.model.state in ("executing", "active", "reverting"))
    @rule(process=st.integers(0, 1))
    def goes_on(self, process: int) -> None:
        name, after = NEXT[self.model.state]
        moves = [step(self.engines[n], self.one.id, name, Move("worker", self.now)).happened for n in (process, 1 - process)]
        assert [True, False] == moves
        self.model.state = after

    @rule(minutes=st.sampled_from([-90, 1, 14, 16, 60 * 24, 60 * 24 * 40]))
    def the_clock_jumps(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def what_is_due_expires(self) -> None:
        mine = [change for change in expire_due(self.engines[1], self.now) if change.proposal.id == self.one.id]
        assert bool(mine) == self.model.expires(self.now)

    @rule(person=PEOPLE, approves=st.booleans(), at=st.integers(1, 14))
    def dies_before_a_statement_or_the_commit(self, person: str, approves: bool, at: int) -> None:
        before = (proposal(self.engines[1], self.one.id), len(history_of(self.engines[1], self.one.id)))
        try:
            with dying(self.engines[0], at):
                click(self.engines[0], self.one, person, "approve" if approves else "deny", self.now)
        except DiedError:
            assert before == (proposal(self.engines[1], self.one.id), len(history_of(self.engines[1], self.one.id)))
        else:
            self.model.vote(person, self.now, approves=approves)

    @invariant()
    def the_ledger_is_where_the_model_is(self) -> None:
        if hasattr(self, "one"):
            found = proposal(self.engines[0], self.one.id)
            assert self.model.state == found.state
            assert found.is_intact
            assert found.is_open == (found.state not in FINAL)

    def teardown(self) -> None:
        if hasattr(self, "one"):
            moves = [(entry.before, entry.after) for entry in history_of(self.engines[0], self.one.id) if entry.before]
            assert [before for before, _ in moves] == ["pending", *(after for _, after in moves)][: len(moves)]
            cancel(self.engines[0], self.one.id, voter(ANA), self.now, admin=True)


@pytest.mark.timeout(240)
def test_proposals_do_what_the_model_does(engines: list[Engine]) -> None:
    Proposals.engines, Proposals.numbers = engines, count(1)
    plan = settings(max_examples=40, stateful_step_count=25, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
    run_state_machine_as_test(Proposals, settings=plan)
    assert verify(engines[0], KEYS, ()).problems == ()
