"""Daily quotas over several workers: whatever is lost, repeated or late, all together never use more than there is."""

import itertools
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from finops.guard.leases import allowed, day_at
from finops.ledger.gateway import Gateways
from finops.ledger.gateway_shares import Grants
from finops.ledger.state import open_state
from gateway.shares import Share

QUOTA = 1_000
COST = Decimal(2)
START = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_worker_gets_a_slice_and_not_the_whole() -> None:
    assert (125, False) == allowed(1_000, [], 0, 0, 10, 2)
    assert (Decimal("0.25"), False) == allowed(Decimal(2), [], Decimal(0), Decimal(0), Decimal("0.1"), 2)


def test_a_large_request_gets_what_it_wants_as_long_as_there_is_enough() -> None:
    assert (600, False) == allowed(1_000, [400], 0, 0, 600, 2)
    assert (600, True) == allowed(1_000, [400], 0, 0, 601, 2)


def test_nothing_is_left_once_others_hold_it_all() -> None:
    assert (0, True) == allowed(1_000, [700, 300], 0, 0, 0, 2)


def test_what_a_worker_already_may_use_is_never_taken_back() -> None:
    assert (80, False) == allowed(100, [500], 10, 80, 5, 2)


def test_a_day_ends_at_midnight_of_its_time_zone() -> None:
    day = day_at(datetime(2026, 3, 28, 23, 30, tzinfo=UTC), "Europe/Berlin")
    assert ("2026-03-29", datetime(2026, 3, 29, 22, tzinfo=UTC)) == (day.date.isoformat(), day.ends)  # 23 hours long


@dataclass
class Client:
    """A worker as it is in a gateway, without the network; `moment` is its clock."""

    name: str
    share: Share = field(default_factory=lambda: Share(counts_tokens=True, counts_cost=True))
    held: list[tuple[int, Decimal]] = field(default_factory=list)
    seq: int = 0
    alive: bool = True
    used: int = 0  # since ever, of the day under test

    def report(self, *, leaving: bool = False) -> tuple[int, dict[str, Any]]:
        self.seq += 1
        return self.seq, {"limit": "q", "subject": "", **self.share.report(leaving=leaving)}


class SharesMachine(RuleBasedStateMachine):
    """Two workers against the real state database; answers and reports get lost, come late or twice, workers die."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="finops-shares-")
        self.engine = open_state(f"sqlite:///{Path(self.folder.name) / 'state.sqlite'}")
        self.gateways = Gateways(self.engine)
        self.now = START
        self.clients = [Client("a"), Client("b")]
        self.names = itertools.count()
        self.late: list[tuple[str, int, dict[str, Any]]] = []
        self.spent = 0  # by all, of tokens
        self.spent_cost = Decimal(0)

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.dispose()
            self.folder.cleanup()

    def sent(self, name: str, seq: int, report: dict[str, Any]) -> dict[str, Any] | None:
        grants = Grants(day_at(self.now, "UTC"), {"q": (QUOTA, COST)})
        return self.gateways.lease(name, seq, [report], grants, self.now)[0]

    def moment(self) -> float:
        return self.now.timestamp()

    @rule(number=st.integers(0, 1), answer_lost=st.booleans())
    def asks(self, number: int, answer_lost: bool) -> None:
        client = self.clients[number]
        seq, report = client.report()
        answer = self.sent(client.name, seq, report)
        assert answer is not None
        if not answer_lost:
            lasts = self.moment() + answer["lasts"], self.moment() + answer["day_left"]
            client.share.granted(report, answer, min(lasts), lasts[1])

    @rule(number=st.integers(0, 1))
    def asks_and_the_report_is_held_up(self, number: int) -> None:
        client = self.clients[number]
        self.late.append((client.name, *client.report()))

    @precondition(lambda self: self.late)
    @rule()
    def a_late_report_arrives(self) -> None:
        self.sent(*self.late.pop(0))

    @rule(number=st.integers(0, 1), tokens=st.integers(1, 400))
    def a_request_comes(self, number: int, tokens: int) -> None:
        client, cost = self.clients[number], Decimal(tokens) / 600
        if client.share.fits(tokens, cost, self.moment()):
            client.share.reserve(tokens, cost)
            client.held.append((tokens, cost))

    @rule(number=st.integers(0, 1), part=st.sampled_from([Decimal(0), Decimal("0.5"), Decimal(1)]))
    def a_request_ends(self, number: int, part: Decimal) -> None:
        client = self.clients[number]
        if client.held:
            tokens, cost = client.held.pop(0)
            used = int(tokens * part), cost * part
            client.share.settle((tokens, cost), used)
            self.spent += used[0]
            self.spent_cost += used[1]

    @rule(number=st.integers(0, 1), politely=st.booleans())
    def a_worker_is_replaced(self, number: int, politely: bool) -> None:
        client = self.clients[number]
        while client.held:
            self.a_request_ends(number, Decimal(1))
        if politely:
            self.sent(client.name, *client.report(leaving=True))
        self.clients[number] = Client(f"w{next(self.names)}")

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def never_more_than_the_quota(self) -> None:
        if hasattr(self, "clients"):
            reserved = sum(tokens for client in self.clients for tokens, _ in client.held)
            costs = sum((cost for client in self.clients for _, cost in client.held), Decimal(0))
            assert self.spent + reserved <= QUOTA
            assert self.spent_cost + costs <= COST


TestSharesMachine = SharesMachine.TestCase
TestSharesMachine.settings = settings(max_examples=40, stateful_step_count=40, suppress_health_check=list(HealthCheck))


def test_a_new_day_begins_with_what_was_used_since_the_last_report() -> None:
    share = Share(counts_tokens=True, counts_cost=False)
    share.granted(share.report(), {"day": "2026-11-21", "allowed": {"tokens": 100, "cost": "0"}, "dry": False}, 60, 100)
    share.settle((0, Decimal(0)), (70, Decimal(0)))
    sent = share.report()
    share.settle((0, Decimal(0)), (5, Decimal(0)))
    share.granted(sent, {"day": "2026-11-22", "allowed": {"tokens": 50, "cost": "0"}, "dry": False}, 160, 200)
    assert ({"tokens": 5, "cost": "0"}, {"tokens": 50, "cost": "0"}) == (share.report()["used"], share.report()["allowed"])
