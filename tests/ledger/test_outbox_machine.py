"""The outbox under crashes, lost answers, clock jumps and a second worker, against a model of a few lines."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from finops.ledger import outbox
from finops.ledger.ledger import Ledger
from finops.ledger.outbox import Letter, Reference
from finops.ledger.tables_outbox import outbox as rows
from jobs.delivering import LEASE, Deliverer
from jobs.routes import Content, Parcel
from tests.ledger.conftest import MakeLedger
from tests.ledger.outbox_case import COSTS, ML, DiedError, OutboxMachine, put, worker

ROUTES = (COSTS, ML, "email:ops@example.com")
FAULTS = ("", "refused", "limited", "lost", "lost after", "dies", "dies after", "breaks after")


class Machine(OutboxMachine):
    """`queues` is the model: what was put in, by route, in order. `slow` holds messages of a worker that does not come back in time."""

    def __init__(self) -> None:
        super().__init__()
        self.workers = [self._worker(self.first), self._worker(self.second)]
        self.queues: dict[str, list[str]] = {route: [] for route in ROUTES}
        self.asleep: list[Letter] = []
        self.slow: set[str] = set()

    def _worker(self, ledger: Ledger) -> Deliverer:
        return worker(ledger, self.world)

    @rule(route=st.sampled_from(ROUTES))
    def put(self, route: str) -> None:
        key = f"m{sum(map(len, self.queues.values()))}"
        assert put(self.first, key, route, at=self.clock.now)
        self.queues[route].append(key)

    @precondition(lambda self: any(self.queues.values()))
    @rule(data=st.data())
    def put_again(self, data: Any) -> None:
        key = data.draw(st.sampled_from([key for queue in self.queues.values() for key in queue]))
        assert not put(self.second, key, ML, at=self.clock.now)

    @rule(number=st.integers(0, 1), faults=st.lists(st.sampled_from(FAULTS), max_size=3))
    def deliver(self, number: int, faults: list[str]) -> None:
        """A worker that dies is followed by a new one."""
        self.world.faults = faults
        try:
            self.workers[number].deliver()
        except DiedError:
            self.workers[number] = self._worker((self.first, self.second)[number])
        self.world.faults = []

    @rule()
    def fall_asleep(self) -> None:
        """A worker takes a message and is not heard of for a while."""
        letter = outbox.claim(self.first.engine, self.clock.now, LEASE, {"slack", "email"})
        if letter:
            self.asleep.append(letter)

    @precondition(lambda self: self.asleep)
    @rule(sends=st.booleans())
    def wake_up(self, sends: bool) -> None:
        """Who sends after others took over may say something twice; what is written down stays theirs."""
        letter = self.asleep.pop(0)
        if sends:
            self.slow.add(letter.key)
            where = self.world.send(Parcel(letter, Content(letter.key)))
            outbox.sent(self.first.engine, letter, self.clock.now, where)
        else:
            outbox.put_off(self.first.engine, letter, self.clock.now, "overslept")

    @rule(seconds=st.sampled_from([1, 30, 121, 3600]))
    def wait(self, seconds: int) -> None:
        self.clock.sleep(seconds)

    @rule(days=st.sampled_from([-40, -1, 1, 40]))
    def jump(self, days: int) -> None:
        self.clock.now += timedelta(days=days)

    @invariant()
    def each_message_stands_once_unless_its_worker_overslept(self) -> None:
        for route in ROUTES:
            keys = [key for key in self.world.keys(route) if key not in self.slow]
            assert len(set(keys)) == len(keys)

    @invariant()
    def each_route_keeps_its_order(self) -> None:
        for route, queue in self.queues.items():
            assert list(dict.fromkeys(self.world.keys(route))) == queue[: len(set(self.world.keys(route)))]

    @invariant()
    def what_is_called_sent_stands(self) -> None:
        with self.first.engine.connect() as connection:
            told = connection.execute(rows.select().where(rows.c.state == "sent")).all()
        standing = {one.key for one in self.world.seen}
        assert {row.key for row in told} <= standing
        assert all(outbox.reference_of(self.second.engine, row.key) == Reference(row.channel, row.ts) for row in told)

    def teardown(self) -> None:
        """Once nothing fails any more, everything that was put in is out, and nothing else."""
        self.asleep.clear()
        for _ in range(6):
            self.clock.sleep(3 * 3600)
            self.workers[1].deliver()
        for route, queue in self.queues.items():
            assert queue == list(dict.fromkeys(self.world.keys(route)))
        assert sum(map(len, self.queues.values())) == outbox.counts(self.first.engine)["sent"]


@pytest.mark.timeout(300)
def test_no_message_is_lost_doubled_or_out_of_turn_whatever_happens(make_ledger: MakeLedger, state_url: str) -> None:
    class Here(Machine):
        first, second = make_ledger(), make_ledger()

    examples = 40 if state_url.startswith("sqlite") else 20
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Here, settings=settings(max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=checks)
    )
