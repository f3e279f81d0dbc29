"""A proposal in a channel of a local Slack, and people who decide on it."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.assemble import Tools, assemble
from bot.deciding import Acting
from bot.decisions import Decisions
from finops.guard.approval_policy import ApprovalPolicy, Need
from finops.guard.plans import Plan
from finops.ledger.audit_chain import Entry
from finops.ledger.outbox import reference_of
from finops.ledger.proposals import Asked, Change, Move, Proposal, history_of, open_proposals, proposal, propose, step
from tests.flows.slack import DORA, Message, Slack, connected, eventually, words
from tests.jobs.conftest import Clock
from tests.ledger.proposed import NOON, PLAN

APPROVERS, LEADS = Need("@finops-approvers"), Need("@ml-leads")  # Ana and Dora; Bruno
ONE = ApprovalPolicy((APPROVERS,))
BOTH = ApprovalPolicy((APPROVERS, LEADS))
TWO = ApprovalPolicy((Need("S0FINOPSAP", 2),))
LIMITED = Plan(**{**vars(PLAN), "parameters": {"fallback": {"premium": "cheap"}}, "side_effects": ("ml gets plainer answers",)})


class Ticking(Clock):
    """Goes on by itself, since Slack takes a message a second, and can be set forward."""

    def __call__(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() * 20)  # twenty times as fast, for tests do not wait


@dataclass
class Acted:
    """Takes the place of what moves levers: it moves the record as that would, and notes what it was asked."""

    tools: Tools
    carried_out: list[str] = field(default_factory=list)
    ended: list[tuple[str, str, str]] = field(default_factory=list)
    failure: Exception | None = None
    meanwhile: Callable[[], Any] = lambda: None  # between the approval and its beginning

    def carry_out(self, proposal: str) -> Change:
        self.meanwhile()
        if self.failure:
            self.carried_out.append(proposal)
            raise self.failure
        begun = step(self.tools.ledger.engine, proposal, "start", Move("executor", self.tools.now()))
        if not begun.happened:  # somebody denied it in the moment between
            return begun
        self.carried_out.append(proposal)
        return step(self.tools.ledger.engine, proposal, "applied", Move("executor", self.tools.now()))

    def end(self, proposal: str, actor: str, reason: str) -> Change:
        self.ended.append((proposal, actor, reason))
        step(self.tools.ledger.engine, proposal, "end", Move(actor, self.tools.now(), reason))
        return step(self.tools.ledger.engine, proposal, "reverted", Move(actor, self.tools.now(), reason))


@dataclass
class Case:
    """The running bot, its clock, and what moved."""

    slack: Slack
    tools: Tools
    clock: Clock
    acted: Acted

    @property
    def decisions(self) -> Decisions:
        return self.slack.service.slack.decisions

    def propose(self, policy: ApprovalPolicy = ONE, *, plan: Plan = LIMITED, requester: str = "rule:ml", **more: Any) -> Proposal:
        """Propose, and wait until everybody sees it."""
        asked = Asked(plan, f"finding {time.monotonic_ns()}", requester, policy, "slack:#ai-costs", **more)
        made = propose(self.tools.ledger.engine, asked, self.clock()).proposal
        self.delivered(lambda: reference_of(self.tools.ledger.engine, f"proposal:{made.id}"))
        return made

    def delivered(self, question: Callable[[], Any]) -> Any:
        """Wait for what the outbox brings, waking the courier as the clock would."""
        beats = itertools.count()

        def asked() -> Any:
            if next(beats) % 50 == 0:
                self.slack.service.slack.courier.wake()
            return question()

        return eventually(asked)

    def now(self, one: Proposal) -> Proposal:
        return proposal(self.tools.ledger.engine, one.id)

    def message(self, one: Proposal) -> Message:
        where = reference_of(self.tools.ledger.engine, f"proposal:{one.id}")
        assert where
        return next(each for each in self.slack.messages(DORA) if each["ts"] == where.ts)

    def click(self, one: Proposal, action: str, user: str, message: Message | None = None) -> Any:
        """Click on the message as it stands, and wait until it is worked off."""
        answer = self.slack.click(message or self.message(one), f"proposal.{action}", user)
        self.settle()
        return answer

    def told(self, one: Proposal, action: str, user: str, message: Message | None = None) -> str:
        """Click and return what that person alone is told."""
        with self.slack.new(user, only=lambda each: each["ephemeral"]) as seen:
            assert self.click(one, action, user, message)["acked"]
        return words(seen[0])

    def view(self, user: str) -> dict[str, Any]:
        """The form in front of somebody."""
        views = self.slack.call_state(user)["views"]
        return dict(views[-1]) if views else {}

    def fill(self, user: str, **values: str) -> dict[str, Any]:
        """Write into the form and send it off."""
        state = {name: {name: {"value": value}} for name, value in values.items()}
        answer = self.slack.call("submit", user=user, view=self.view(user)["id"], state=state)
        self.settle()
        return answer

    def settle(self) -> None:
        for desk in (self.decisions.desk, self.decisions.acting):
            eventually(lambda desk=desk: not desk._open.total())  # type: ignore[misc]

    def shows(self, one: Proposal, text: str) -> str:
        """Wait until the message says so, and return all of it."""
        return str(self.delivered(lambda: text in (said := words(self.message(one))) and said))

    def buttons(self, one: Proposal) -> list[str]:
        return buttons(self.message(one))

    def refusals(self, one: Proposal) -> list[tuple[str, str]]:
        """Who was refused, and why, as the audit has it."""
        return [(entry.actor, entry.reason or "") for entry in self.history(one) if entry.action == "proposal.refused"]

    def history(self, one: Proposal) -> list[Entry]:
        return history_of(self.tools.ledger.engine, one.id)

    def clear(self) -> None:
        """Let nothing wait any more."""
        for one in open_proposals(self.tools.ledger.engine, states=("pending",)):
            step(self.tools.ledger.engine, one.id, "supersede", Move("test", self.clock()))

    def group(self, name: str, *users: str) -> None:
        self.slack.box.world.usergroups[name].users[:] = users


def buttons(message: Message) -> list[str]:
    return [each["action_id"] for block in message["blocks"] if block["type"] == "actions" for each in block["elements"]]


def together(*works: Any) -> None:
    """Begin all at one moment."""
    gate = threading.Barrier(len(works))

    def run(work: Any) -> None:
        gate.wait()
        work()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def deciding(folder: Path) -> Iterator[Case]:
    """The bot on a local Slack, with levers that only note what they were asked."""
    clock = Ticking(NOON)
    with assemble(folder, {"FINOPS_THREADS": "1"}, clock) as tools, connected(tools) as slack:
        acted = Acted(tools)
        slack.service.slack.decisions.deciding._acting = Acting(acted.carry_out, acted.end)
        yield Case(slack, tools, clock, acted)
