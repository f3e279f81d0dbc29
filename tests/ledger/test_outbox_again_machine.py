"""Messages that are given up, tried again and let go by several people in any order, against a model of a few lines."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from finops.ledger import outbox
from finops.ledger.audit import entries
from finops.ledger.outbox_again import Again, let_go, try_again, try_all_again
from finops.ledger.outbox_unsent import message
from finops.ledger.tables_outbox import outbox as rows
from tests.ledger.conftest import MakeLedger
from tests.ledger.outbox_case import COSTS, ML, DiedError, OutboxMachine, put, worker

FAULTS = ("", "never", "never", "unfit", "limited", "lost", "lost after", "dies", "dies after")
FALLBACK = "email:ops@example.com"


class Machine(OutboxMachine):
    """`written` is the model: what was put in. `let` was let go; `taken` counts what people were told is tried again, or not needed."""

    def __init__(self) -> None:
        super().__init__()
        self.before = self._recorded()
        self.written: list[str] = []
        self.let: set[str] = set()
        self.taken = 0

    @rule(route=st.sampled_from((COSTS, ML)))
    def put(self, route: str) -> None:
        key = f"m{len(self.written)}"
        assert put(self.first, key, route, at=self.clock.now)
        self.written.append(key)

    @rule(number=st.integers(0, 1), faults=st.lists(st.sampled_from(FAULTS), max_size=4), falls_back=st.booleans())
    def deliver(self, number: int, faults: list[str], falls_back: bool) -> None:
        self.world.faults = faults
        try:
            worker((self.first, self.second)[number], self.world, [FALLBACK] if falls_back else []).deliver()
        except DiedError:
            self.clock.sleep(121)  # longer than the lease of the one who died
        self.world.faults = []

    @precondition(lambda self: self.written)
    @rule(data=st.data(), number=st.integers(0, 1))
    def try_one(self, data: Any, number: int) -> None:
        engine = (self.first, self.second)[number].engine
        self._note(try_again(engine, data.draw(st.sampled_from(self._numbers())), self.clock.now, "ana"))

    @rule(number=st.integers(0, 1))
    def try_all(self, number: int) -> None:
        self._note(try_all_again((self.first, self.second)[number].engine, self.clock.now, self.clock.now, "dora", most=3))

    @precondition(lambda self: self.written)
    @rule(data=st.data())
    def let_go(self, data: Any) -> None:
        identity = data.draw(st.sampled_from(self._numbers()))
        self._note(came := let_go(self.second.engine, identity, self.clock.now, "ana"))
        self.let |= {message(self.first.engine, name).key for name in came.dropped}

    @rule(seconds=st.sampled_from([1, 30, 3600]))
    def wait(self, seconds: int) -> None:
        self.clock.sleep(seconds)

    def _note(self, came: Again) -> None:
        self.taken += len(came.again) + len(came.dropped)

    def _numbers(self) -> list[str]:
        with self.first.engine.connect() as connection:
            return [f"M-{number}" for number in connection.execute(select(rows.c.id).order_by(rows.c.id)).scalars()]

    def _recorded(self) -> int:
        with self.first.engine.connect() as connection:
            return sum(entry.action in ("outbox.revived", "outbox.dropped") for entry in entries(connection))

    @invariant()
    def nothing_stands_twice_in_one_place(self) -> None:
        seen = [(one.route, one.key) for one in self.world.seen]
        assert len(set(seen)) == len(seen)

    @invariant()
    def each_is_on_the_record(self) -> None:
        assert self.taken == self._recorded() - self.before

    def teardown(self) -> None:
        """Once nothing fails any more and all is tried again, everything arrived that was not let go, and nothing is given up."""
        for _ in range(len(self.written) + 2):
            self.clock.sleep(7200)
            try_all_again(self.first.engine, self.clock.now, self.clock.now, "dora")
            worker(self.second, self.world).deliver()
        with self.first.engine.connect() as connection:
            states = {row.key: row.state for row in connection.execute(select(rows.c.key, rows.c.state))}
        assert {"sent", "dropped"} >= set(states.values())
        arrived = {one.key for one in self.world.seen}
        assert [] == [key for key in self.written if not {key, f"{key}~plain"} & (arrived | self.let)]
        assert 0 == outbox.counts(self.first.engine)["dead"]


@pytest.mark.timeout(300)
def test_what_is_tried_again_arrives_once_whoever_asks_for_it_and_whatever_fails(make_ledger: MakeLedger, state_url: str) -> None:
    class Here(Machine):
        first, second = make_ledger(), make_ledger()

    examples = 60 if state_url.startswith("sqlite") else 20
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Here, settings=settings(max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=checks)
    )
