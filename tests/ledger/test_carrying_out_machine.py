"""Plans on a world that loses answers, fails half-way and changes behind our back: whatever happens, it ends where it is known to be."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine, select

from finops.configuration.rulebook_approvals import Guard
from finops.guard.plans import Plan
from finops.guard.proposals import FINAL
from finops.ledger.audit_verify import verify
from finops.ledger.carrying_out import carry_out, end_early, settle
from finops.ledger.effects import effects_of
from finops.ledger.proposals import Proposal, proposal
from finops.ledger.tables_proposals import proposals, votes
from tests.ledger.acting_case import ACTS, FakeLever, Scene, World
from tests.ledger.proposed import ANA, KEYS, click

TARGETS = ("a", "b", "c")
FAULTS = st.sampled_from(["refuse", "lose", "vanish", "break"])
VERBS = st.sampled_from(["apply", "revert", "observe", "look"])


class Actions(RuleBasedStateMachine):
    """One plan after the other; two processes work on each."""

    engines: ClassVar[list[Engine]]
    folder: ClassVar[Path]
    numbers: ClassVar[Iterator[int]]

    @initialize()
    def begin(self) -> None:
        self.number = next(self.numbers)
        world = World(self.folder / f"{self.number}")
        for target in TARGETS:
            world.put(target, "start")
        self.on = Scene(self.engines[0], FakeLever(world))
        self.on.lever.stands = self.is_agreed
        self.theirs: dict[str, str] = {}
        self.approved: set[str] = set()
        self.propose()

    def propose(self) -> None:
        """A plan of its own value, so that the log tells whose change is whose."""
        self.on.lever.faults.clear()
        self.start = self.on.world.values(TARGETS)
        self.theirs = {}
        self.logged = len(self.on.world.done())
        to = f"plan-{self.number}-{next(self.numbers)}"
        self.one = self.on.proposed(TARGETS, f"finding {to}", parameters={"to": to})

    def is_agreed(self, plan: Plan) -> None:
        """Called within `apply`: exactly this plan was voted for and is being carried out."""
        with self.engines[0].connect() as connection:
            agreed = connection.execute(select(votes.c.digest).where(votes.c.proposal == self.one.number)).scalars().all()
            state = connection.execute(select(proposals.c.state).where(proposals.c.number == self.one.number)).scalar_one()
        assert ([plan.digest], "executing") == (list(agreed), state)

    @property
    def now(self) -> Proposal:
        return proposal(self.engines[0], self.one.id)

    def scene(self, process: int) -> Scene:
        return Scene(self.engines[process], self.on.lever, self.on.clock, self.on.guard)

    @precondition(lambda self: self.now.state in FINAL)
    @rule()
    def proposes_another(self) -> None:
        self.propose()

    @precondition(lambda self: self.now.state == "pending")
    @rule()
    def is_approved(self) -> None:
        if click(self.engines[0], self.one, ANA, at=self.on.clock()).outcome == "approved":
            self.approved.add(self.one.id)

    @rule(process=st.integers(0, 1))
    def is_carried_out(self, process: int) -> None:
        carry_out(self.scene(process).hands, self.one.id)

    @rule(process=st.integers(0, 1))
    def is_settled(self, process: int) -> None:
        assert settle(self.scene(process).hands).problems == ()

    @rule()
    def is_ended_early(self) -> None:
        end_early(self.on.hands, self.one.id, ANA, "enough")

    @rule(minutes=st.sampled_from([1, 1, 2, 20, 130, 60 * 24 * 3]))
    def time_passes(self, minutes: int) -> None:
        self.on.clock.forward(minutes=minutes)

    @rule(verb=VERBS, which=st.sampled_from(TARGETS), fault=FAULTS, times=st.integers(1, 7))
    def something_will_fail(self, verb: str, which: str, fault: str, times: int) -> None:
        self.on.lever.faults.setdefault((verb, which), []).extend([fault] * times)

    @rule(which=st.sampled_from(TARGETS))
    def somebody_changes(self, which: str) -> None:
        self.theirs[which] = f"theirs-{next(self.numbers)}"
        self.on.world.put(which, self.theirs[which])

    @rule(stop=st.booleans())
    def the_stop_switch(self, stop: bool) -> None:
        self.on.guard = Guard(stop=True, dry_run=False) if stop else ACTS

    @invariant()
    def each_target_is_moved_once_and_put_back_once(self) -> None:
        if hasattr(self, "one"):
            done = self.on.world.done()[self.logged :]
            assert len(done) == len(set(done)), done
            assert not done or self.one.id in self.approved

    @invariant()
    def what_somebody_else_set_is_never_overwritten(self) -> None:
        if hasattr(self, "one"):
            assert self.theirs == {target: self.on.world.value(target) for target in self.theirs}

    @invariant()
    def what_is_final_is_as_it_says(self) -> None:
        if not hasattr(self, "one") or (state := self.now.state) not in FINAL:
            return
        stuck = {each.target for each in effects_of(self.engines[0], self.one.number) if each.stage == "stuck"}
        assert bool(stuck) == (state == "compensation_failed")
        for target, value in self.on.world.values(TARGETS).items():
            assert value == self.theirs.get(target, self.start[target]) or target in stuck, (state, target)

    def teardown(self) -> None:
        """With a world that answers again, and time, everything comes to an end."""
        if hasattr(self, "one"):
            self.on.lever.faults.clear()
            self.on.guard = ACTS
            self.on.clock.forward(days=4)
            for _ in range(4):
                self.is_settled(1)
                self.on.clock.forward(minutes=6)
            assert self.now.state in FINAL
            self.what_is_final_is_as_it_says()


@pytest.mark.timeout(300)
def test_actions_end_in_a_known_state_whatever_happens(engines: list[Engine], tmp_path: Path) -> None:
    Actions.engines, Actions.folder, Actions.numbers = engines, tmp_path, count(1)
    plan = settings(max_examples=40, stateful_step_count=25, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
    run_state_machine_as_test(Actions, settings=plan)
    assert verify(engines[0], KEYS, ()).problems == ()
