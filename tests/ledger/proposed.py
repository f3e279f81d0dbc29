"""A plan, the people around it, and what they click."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, text

from finops.guard.approval_policy import ApprovalPolicy, Need
from finops.guard.approvals import Ballot, Decision, Voter
from finops.guard.plans import Plan, Saving
from finops.ledger.audit_chain import Keys
from finops.ledger.proposals import Asked, Change, Move, Proposal, propose, step
from finops.ledger.voting import Voted, vote

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEYS = Keys((b"a key of the tests, 0123456789abcdef",))
ANA, BRUNO, CHEN, DORA = "U0ANA00001", "U0BRUNO001", "U0CHEN0001", "U0DORA0001"
MEMBERS = {ANA: {"S0ML", "ml-oncall"}, BRUNO: {"S0ML", "ml-oncall"}, CHEN: {"finance"}, DORA: {"ml-oncall", "finance"}}
ONE = ApprovalPolicy((Need("@ml-oncall"),))
BOTH = ApprovalPolicy((Need("@ml-oncall"), Need("@finance")))
PLAN = Plan(
    lever="gateway.fallback",
    targets=("team=ml route=chat",),
    parameters={"premium": "cheap"},
    before={"team=ml route=chat": {"fallback": None}},
    reason="ml has spent 101 % of its budget",
    evidence={"spent": "1010.00"},
    policy="7" * 64,
    lasts=timedelta(hours=2),
    saving=Saving(Decimal(410), Decimal(350), Decimal(470), "USD", "the last hour again"),
)


def asked(policy: ApprovalPolicy = ONE, requester: str = "finops-bot", finding: str = "budget:ml", **more: Any) -> Asked:
    return Asked(PLAN, finding, requester, policy, "slack:#ml-costs", **more)


def proposed(engine: Engine, policy: ApprovalPolicy = ONE, **more: Any) -> Proposal:
    return propose(engine, asked(policy, **more), NOON).proposal


def voter(person: str, **more: Any) -> Voter:
    return Voter(person, frozenset(MEMBERS.get(person, set())), **more)


def click(engine: Engine, one: Proposal, person: str, decision: Decision = "approve", at: datetime = NOON, **more: Any) -> Voted:
    return vote(engine, one.id, Ballot(voter(person), decision, one.digest, **more), at, request=f"{person}-{decision}")


def move(engine: Engine, one: Proposal, event: Any, at: datetime = NOON, actor: str = "settle-actions") -> Change:
    return step(engine, one.id, event, Move(actor, at))


@contextmanager
def unguarded(engine: Engine) -> Iterator[Any]:
    """Yield a connection of somebody who owns the database and took the triggers away."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER audit_append_only"))
        else:
            connection.execute(text("DROP TRIGGER IF EXISTS audit_no_update"))
            connection.execute(text("DROP TRIGGER IF EXISTS audit_no_delete"))
        yield connection
