"""Two sessions at once, stepped by a barrier through every order, on SQLite and on PostgreSQL; and both at full speed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import Engine, func, select

from finops.ledger.audit import entries
from finops.ledger.audit_verify import verify
from finops.ledger.proposals import Move, Proposal, expire_due, open_proposals, proposal, propose, step
from finops.ledger.tables_outbox import outbox
from finops.ledger.tables_proposals import votes
from finops.ledger.voting import cancel
from tests.ledger.proposed import ANA, BRUNO, CHEN, KEYS, NOON, asked, click, proposed, voter
from tests.ledger.stepped import Step, at_once, one_held

END = NOON + timedelta(hours=24)
Act = Callable[[Engine, Proposal], bool]


def approve(person: str) -> Act:
    return lambda engine, one: click(engine, one, person).outcome != "refused"


def deny(engine: Engine, one: Proposal) -> bool:
    return click(engine, one, BRUNO, "deny").outcome == "denied"


def expire(engine: Engine, one: Proposal) -> bool:
    return bool(expire_due(engine, END))


def start(engine: Engine, one: Proposal) -> bool:
    return step(engine, one.id, "start", Move("settle-actions", NOON)).happened


def take_back(engine: Engine, one: Proposal) -> bool:
    return cancel(engine, one.id, voter(CHEN), NOON).happened


# What races, from an approved proposal or a fresh one, and in which states it may end, with how many that succeed.
RACES: dict[str, tuple[bool, tuple[Act, Act], dict[str, int]]] = {
    "approve and approve": (False, (approve(ANA), approve(BRUNO)), {"approved": 1}),
    "the same click twice": (False, (approve(ANA), approve(ANA)), {"approved": 1}),
    "approve and deny": (False, (approve(ANA), deny), {"denied": 2}),
    "deny and deny": (False, (deny, deny), {"denied": 1}),
    "approve and expire": (False, (approve(ANA), expire), {"expired": 2}),
    "execute and cancel": (True, (start, take_back), {"executing": 1, "cancelled": 1}),
    "execute and execute": (True, (start, start), {"executing": 1}),
    "execute and deny": (True, (start, deny), {"executing": 1, "denied": 1}),
    "cancel and deny": (False, (take_back, deny), {"cancelled": 1, "denied": 1}),
}
FASTER = {"approve and deny": {"denied": 1}, "approve and expire": {"expired": 1}}  # where the second is first


def ready(engine: Engine, *, approved: bool) -> Proposal:
    one = proposed(engine, requester=CHEN)
    return click(engine, one, ANA).proposal if approved else one


@pytest.mark.parametrize("name", RACES)
@pytest.mark.parametrize("first", [0, 1])
def test_v1_in_either_order_one_transition_wins(engines: list[Engine], name: str, first: int) -> None:
    approved, acts, _ = RACES[name]
    one = ready(engines[0], approved=approved)
    done = [acts[n](engines[n], one) for n in (first, 1 - first)]
    judge(engines[0], name, one, sum(done))


@pytest.mark.parametrize("name", RACES)
@pytest.mark.parametrize("held", [0, 1])
def test_v1_held_in_the_middle_the_other_waits_and_learns(engines: list[Engine], name: str, held: int) -> None:
    """One session stands still just before its commit while the other one begins."""
    approved, acts, _ = RACES[name]
    one = ready(engines[0], approved=approved)
    judge(engines[0], name, one, one_held(engines, steps_of(acts, one), held))


def steps_of(acts: tuple[Act, Act], one: Proposal) -> list[Step]:
    return [bound(act, one) for act in acts]


def bound(act: Act, one: Proposal) -> Step:
    return lambda engine: act(engine, one)


@pytest.mark.parametrize("name", ["approve and approve", "approve and deny", "execute and cancel", "the same click twice"])
def test_v1_in_the_same_millisecond_one_transition_wins(engines: list[Engine], name: str) -> None:
    approved, acts, _ = RACES[name]
    for n in range(5):
        one = propose(engines[0], asked(requester=CHEN, finding=f"race {n}"), NOON).proposal
        one = click(engines[0], one, ANA).proposal if approved else one
        judge(engines[0], name, one, at_once(engines, steps_of(acts, one)))


def judge(engine: Engine, name: str, one: Proposal, succeeded: int) -> None:
    """One end, as many that succeeded as it allows, one vote each, one entry and one message a move, and a chain that holds."""
    ends = proposal(engine, one.id)
    allowed = {RACES[name][2].get(ends.state), FASTER.get(name, {}).get(ends.state)}
    assert succeeded in allowed, (ends.state, succeeded)
    with engine.connect() as connection:
        cast = connection.execute(select(func.count()).where(votes.c.proposal == one.number)).scalar_one()
        people = connection.execute(select(func.count(votes.c.voter.distinct())).where(votes.c.proposal == one.number)).scalar_one()
        updates = connection.execute(select(func.count()).where(outbox.c.object_id == one.id, outbox.c.kind == "update")).scalar_one()
        moves = [entry for entry in entries(connection) if entry.object == one.id and entry.before]
    assert cast == people
    assert len(moves) == updates == ends.version - 1
    chain = [moves[0].before, *(entry.after for entry in moves)]
    assert [entry.before for entry in moves] == chain[:-1]
    assert ends.state == chain[-1]
    assert verify(engine, KEYS, ()).problems == ()


def test_two_processes_that_propose_the_same_make_one_proposal(engines: list[Engine]) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: propose(engines[n % 2], asked(), NOON), range(16)))
    assert (1, {"P-1"}) == (sum(change.happened for change in made), {change.proposal.id for change in made})
    assert 1 == len(open_proposals(engines[0]))


def test_every_order_of_four_people_ends_alike(engines: list[Engine]) -> None:
    """Two approve for two groups, one denies, time passes: the first denial or the end of time decides, whatever the order."""
    from tests.ledger.proposed import BOTH

    for n, order in enumerate(permutations(["ana", "chen", "deny", "time"])):
        one = propose(engines[0], asked(BOTH, finding=f"order {n}"), NOON).proposal
        for who in order:
            if who == "time":
                expire_due(engines[1], END)
            else:
                click(engines[0], one, {"ana": ANA, "chen": CHEN, "deny": BRUNO}[who], "deny" if who == "deny" else "approve")
        expected = "denied" if order.index("deny") < order.index("time") else "expired"
        assert (order, expected) == (order, proposal(engines[0], one.id).state)
