"""A process that dies before any statement of a decision left nothing of it; done again it is as if nothing had happened."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Engine, select

from finops.guard.approval_policy import ApprovalPolicy
from finops.ledger.audit import entries
from finops.ledger.audit_verify import verify
from finops.ledger.proposals import Proposal, expire_due, proposal, propose
from finops.ledger.renewing import renew
from finops.ledger.tables_outbox import outbox
from finops.ledger.tables_proposals import proposals, votes
from finops.ledger.voting import cancel
from tests.ledger.alerts_case import DiedError, dying
from tests.ledger.proposed import ANA, BOTH, BRUNO, CHEN, DORA, KEYS, NOON, ONE, asked, click, move, voter

DAY_AFTER = NOON + timedelta(hours=24)
NUMBER: Final = re.compile(r"P-\d+")
Work = Callable[[Engine, Proposal], object]


@dataclass(frozen=True)
class Case:
    """From `policy` and what was done `before`, `work` moves a proposal into `state`."""

    work: Work
    state: str
    policy: ApprovalPolicy = ONE
    before: Work = lambda engine, one: None


def in_force(engine: Engine, one: Proposal) -> None:
    click(engine, one, ANA)
    move(engine, one, "start")
    move(engine, one, "applied")


CASES: Final[dict[str, Case]] = {
    "the vote that decides": Case(lambda engine, one: click(engine, one, ANA), "approved"),
    "the first of two votes": Case(lambda engine, one: click(engine, one, ANA), "pending", BOTH),
    "the second of two votes": Case(
        lambda engine, one: click(engine, one, CHEN), "approved", BOTH, lambda engine, one: click(engine, one, ANA)
    ),
    "a vote that is refused": Case(lambda engine, one: click(engine, one, CHEN), "pending"),
    "a denial": Case(lambda engine, one: click(engine, one, BRUNO, "deny"), "denied"),
    "a vote that comes too late": Case(lambda engine, one: click(engine, one, ANA, at=DAY_AFTER), "expired"),
    "its end by the clock": Case(lambda engine, one: expire_due(engine, DAY_AFTER), "expired"),
    "its withdrawal": Case(lambda engine, one: cancel(engine, one.id, voter(DORA), NOON), "cancelled"),
    "the start": Case(lambda engine, one: move(engine, one, "start"), "executing", ONE, lambda engine, one: click(engine, one, ANA)),
    "a renewal": Case(lambda engine, one: renew(engine, one.id, BRUNO, NOON), "active", ONE, in_force),
}


def traces(engine: Engine, one: Proposal) -> dict[str, Any]:
    """All that is kept about a proposal and what renews it, by their own order in place of the numbers that the database gives."""
    with engine.connect() as connection:
        of_it = connection.execute(select(proposals).where(proposals.c.finding == one.finding).order_by(proposals.c.number)).all()
        numbers, names = [row.number for row in of_it], [f"P-{row.number}" for row in of_it]
        cast = connection.execute(
            select(votes.c.voter, votes.c.decision).where(votes.c.proposal.in_(numbers)).order_by(votes.c.voter)
        ).all()
        letters = connection.execute(select(outbox.c.key).where(outbox.c.object_id.in_(names)).order_by(outbox.c.id)).scalars().all()
        said = [(entry.object, entry.action) for entry in entries(connection) if entry.object in names]
    return {
        "states": [(row.state, row.version, row.decided_by) for row in of_it],
        "votes": [tuple(row) for row in cast],
        "letters": [NUMBER.sub(lambda name: f"P-{names.index(name[0])}", key) for key in letters],
        "audit": [(names.index(each), action) for each, action in said],
    }


@pytest.mark.parametrize("name", CASES)
def test_a_decision_killed_before_any_statement_left_nothing_and_is_made_by_whoever_comes_next(engines: list[Engine], name: str) -> None:
    case, (first, second) = CASES[name], engines
    ends, step, died = set(), 0, True
    while died:
        step += 1
        one = propose(first, asked(case.policy, requester=DORA, finding=f"killed at {step}"), NOON).proposal
        case.before(first, one)
        before = traces(second, one)
        try:
            with dying(first, step):
                case.work(first, one)
            died = False
        except DiedError:
            assert before == traces(second, one), step
            case.work(second, one)
        assert case.state == proposal(second, one.id).state, step
        ends.add(repr(traces(second, one)))
        put_away(second, one)
    assert 1 == len(ends), ends
    assert step > 4
    assert verify(second, KEYS, ()).problems == ()


def test_a_proposal_killed_before_any_statement_was_never_made(engines: list[Engine]) -> None:
    step, died = 0, True
    while died:
        step += 1
        try:
            with dying(engines[0], step):
                propose(engines[0], asked(finding=f"killed at {step}"), NOON)
            died = False
        except DiedError:
            assert f"killed at {step}" not in findings(engines[1])
        propose(engines[1], asked(finding=f"killed at {step}"), NOON)
    assert [f"killed at {number}" for number in range(1, step + 1)] == findings(engines[1])
    assert step > 4
    assert verify(engines[1], KEYS, ()).problems == ()


def findings(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(proposals.c.finding).order_by(proposals.c.number)).scalars())


def put_away(engine: Engine, one: Proposal) -> None:
    """What stays open would expire together with the next one."""
    cancel(engine, one.id, voter(DORA), NOON)
