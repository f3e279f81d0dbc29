"""From a finding to a moved lever and back, on a real ledger: what is promised, what gateways are told, what was measured."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot import levers as bot_levers
from bot.assemble import Tools, assemble
from bot.gateway_control import snapshot
from finops.configuration.rulebook_steps import Propose
from finops.errors import LeverError, UserError
from finops.guard.approvals import Ballot, Voter, phrase_for
from finops.guard.findings import Finding
from finops.ledger.asking import propose_step
from finops.ledger.gateway import Gateways
from finops.ledger.gateway_effects import in_force
from finops.ledger.loads import Delivery
from finops.ledger.proposals import Proposal, history_of, proposal
from finops.ledger.tables_effects import measured_savings
from finops.ledger.tables_outbox import outbox
from finops.ledger.usage import publish
from finops.ledger.voting import vote
from finops.pricing.book import price_book
from finops.sources.usage_events import Event, write
from gateway.decide import Asked, decide
from gateway.snapshot import read_snapshot
from jobs.registry import Tools as JobTools
from jobs.settle_actions import settle_actions

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BUDGETS = """
currency: USD
prices:
  - {model: premium, provider: self-hosted, from: 2026-01-01, input_per_mtok: 10, output_per_mtok: 10}
  - {model: cheap, provider: self-hosted, from: 2026-01-01, input_per_mtok: 1, output_per_mtok: 1}
budgets: [{name: ml, scope: team=ml, monthly: 100, owner: "@ml-leads"}]
"""
RULES = """
guard:
  dry_run: false
  deny_scopes: [{team: payments}]
  approvals: [{lever: gateway.*, needs: "@ml-oncall"}]
"""
FALLBACK = Propose("gateway.fallback", {"fallback": {"premium": "cheap"}}, timedelta(hours=2))


class Clock:
    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tools(tmp_path: Path, clock: Clock) -> Iterator[Tools]:
    (tmp_path / "budgets.yaml").write_text(BUDGETS)
    (tmp_path / "rules.yaml").write_text(RULES)
    with assemble(tmp_path, {"FINOPS_THREADS": "1", "FINOPS_SLACK_ALERTS_CHANNEL": "C0ALERTS01"}, clock) as made:
        yield made


def use(tools: Tools, model: str, first: datetime, hours: int, **more: Any) -> None:
    """One request of 100,000 tokens an hour, at half past: 1.00 by the premium price, 0.10 by the cheap one."""
    said = {"provider": "self-hosted", "model": model, "input_tokens": 90_000, "output_tokens": 10_000, "team": "ml", "route": "chat"}
    made = [Event(**{"time": first + HOUR * n, "request_id": f"{model} {first} {n} {more}", **said, **more}) for n in range(hours)]
    path = tools.config / "events.jsonl"
    path.write_bytes(write(made))
    publish(tools.ledger, [path], price_book(tools.rulebook.prices), Delivery(tools.now(), tools.now(), "test"))


def breach(**more: Any) -> Finding:
    said: dict[str, Any] = {"key": "budget:ml", "kind": "budget", "rule": "ml", "version": "1", "period": "2026-11"}
    said |= {"scope": (("team", ("ml",)),), "severity": "critical", "title": "ml is over its budget", "owner": "@ml-leads"}
    return Finding(**{**said, "observed_at": NOON, "as_of": NOON, **more})


def propose(tools: Tools, step: Propose = FALLBACK, finding: Finding | None = None) -> Proposal:
    return propose_step(bot_levers.desk(tools), finding or breach(), step, tools.now()).proposal


def approve(tools: Tools, one: Proposal) -> None:
    voter = Voter("U0ANA00001", frozenset({"ml-oncall"}))
    ballot = Ballot(voter, "approve", one.digest, phrase_for(one.id, one.digest))
    assert "approved" == vote(tools.ledger.engine, one.id, ballot, tools.now(), request="click").outcome
    assert "P-1 is active" in bot_levers.carry_out(tools, "this process")(one.id).said


def settle(tools: Tools) -> str:
    return settle_actions(JobTools(tools.ledger, tools.now(), tools.settings, tools.rulebook))


def threads(tools: Tools) -> list[str]:
    with tools.ledger.engine.connect() as connection:
        found = connection.execute(select(outbox.c.payload, outbox.c.after).where(outbox.c.kind == "thread").order_by(outbox.c.id)).all()
    assert {"proposal:P-1"} >= {row.after for row in found}
    return [json.loads(row.payload)["text"] for row in found]


def test_the_story_from_a_finding_to_the_measured_saving(tools: Tools, clock: Clock) -> None:
    use(tools, "premium", NOON - 24 * HOUR + 30 * MINUTE, 24)
    one = propose(tools)
    saving = one.plan.saving
    assert saving
    assert (Decimal("0.90"), Decimal("0.90"), "USD") == (saving.likely, saving.low, saving.currency)
    assert "the 24 requests of the last 24 h at both prices (premium → cheap)" == saving.basis
    assert "cheap answers instead of premium for requests of team=ml" == one.plan.side_effects[0]
    assert [] == in_force(tools.ledger.engine, tools.now())

    approve(tools, one)
    [effect] = in_force(tools.ledger.engine, tools.now())
    assert ("P-1", "team=ml", {"fallback": {"premium": "cheap"}}) == (effect.id, effect.target, effect.parameters)
    assert "nothing to settle" == settle(tools)

    for minutes in (10, 20):
        use(tools, "cheap", NOON + minutes * MINUTE, 1)
    clock.now = NOON + 32 * MINUTE
    assert "measured 1" == settle(tools)
    [said] = threads(tools)
    assert said == (
        "P-1, 30 minutes after it began: promised 0.45 USD (between 0.45 and 0.45); measured 1.80 USD (between 1.80 and 1.80): "
        "about 2 requests were answered by the cheaper model, against the same tokens at the other's price."
    )
    assert "nothing to settle" == settle(tools)

    clock.now = NOON + 2 * HOUR
    assert "P-1 is ended" == settle(tools).partition(",")[0]
    assert [] == in_force(tools.ledger.engine, tools.now())
    clock.now += 3 * MINUTE
    assert "measured 1" == settle(tools)
    assert "P-1, 2 hours in all: promised 1.80 USD" in threads(tools)[1]
    assert "saving.measured" == history_of(tools.ledger.engine, one.id)[-1].action


def answering(tools: Tools, team: str, model: str) -> str:
    """Return the model that a gateway lets answer, by the snapshot it is sent now."""

    class Calm:
        def lack(self, limit: object, model: str) -> None:
            return None

        def broken(self, model: str) -> float:
            return 0.0

    gateways = Gateways(tools.ledger.engine)
    sent = snapshot(tools, gateways, gateways.version(), tuple(in_force(tools.ledger.engine, tools.now())), {})
    limits = [limit for limit in read_snapshot(sent).limits if limit.fits({"team": team, "route": "chat"})]
    return decide(limits, Asked(model, 10), tools.now().timestamp(), Calm(), closed=True).model


def test_gateways_let_the_cheap_model_answer_from_the_approval_to_the_end(tools: Tools, clock: Clock) -> None:
    one = propose(tools)
    assert "premium" == answering(tools, "ml", "premium")
    approve(tools, one)
    assert ["cheap", "premium"] == [answering(tools, team, "premium") for team in ("ml", "search")]
    clock.now = NOON + 2 * HOUR  # nothing has settled it yet
    assert "premium" == answering(tools, "ml", "premium")


def test_without_traffic_since_nothing_is_claimed(tools: Tools, clock: Clock) -> None:
    use(tools, "premium", NOON - 24 * HOUR + 30 * MINUTE, 24)
    approve(tools, propose(tools))
    clock.now = NOON + 40 * MINUTE
    settle(tools)
    assert threads(tools)[0].endswith("; no traffic since, so nothing was saved or lost.")
    with tools.ledger.engine.connect() as connection:
        row = connection.execute(select(measured_savings)).one()
    assert (None, None, "soon") == (row.likely, row.high, row.kind)


def test_ended_early_it_is_measured_once_as_a_whole(tools: Tools, clock: Clock) -> None:
    use(tools, "premium", NOON - 24 * HOUR + 30 * MINUTE, 24)
    approve(tools, propose(tools))
    use(tools, "cheap", NOON + MINUTE, 1)
    clock.now = NOON + 10 * MINUTE
    bot_levers.end_early(tools, "this process")("P-1", "U0ANA00001", "enough")
    clock.now = NOON + HOUR
    settle(tools)
    assert ["P-1, 10 minutes in all: promised 0.15 USD"] == [said.partition(" (")[0] for said in threads(tools)]


def test_settled_late_it_is_measured_to_the_end_that_was_agreed_to(tools: Tools, clock: Clock) -> None:
    use(tools, "premium", NOON - 24 * HOUR + 30 * MINUTE, 24)
    approve(tools, propose(tools))
    use(tools, "cheap", NOON + MINUTE, 1)
    clock.now = NOON + 5 * HOUR  # nothing ran for three hours after its time
    settle(tools)
    clock.now += 3 * MINUTE
    settle(tools)
    assert ["P-1, 2 hours in all: promised 1.80 USD"] == [said.partition(" (")[0] for said in threads(tools)]


def test_a_block_is_measured_although_nothing_passes(tools: Tools, clock: Clock) -> None:
    use(tools, "premium", NOON - 24 * HOUR + 30 * MINUTE, 24)
    approve(tools, propose(tools, Propose("gateway.block", {}, timedelta(hours=2), "high")))
    clock.now = NOON + 32 * MINUTE
    settle(tools)
    assert "promised 0.50 USD (between 0.50 and 0.50); measured 0.50 USD" in threads(tools)[0]


def test_other_teams_requests_count_for_nothing(tools: Tools) -> None:
    use(tools, "premium", NOON - 24 * HOUR + 30 * MINUTE, 24, team="search")
    assert propose(tools).plan.saving is None


def test_the_same_finding_proposes_the_same_once_while_it_is_open(tools: Tools) -> None:
    first = propose(tools)
    again = propose_step(bot_levers.desk(tools), breach(title="ml is far over its budget"), FALLBACK, tools.now() + HOUR)
    assert (False, first.id, "P-1 proposes this already") == (again.happened, again.proposal.id, again.said)
    assert ["@ml-oncall"] == [need.group for need in first.policy.needs]
    assert "slack:C0ALERTS01" == first.route


def test_what_is_protected_is_not_even_proposed(tools: Tools) -> None:
    with pytest.raises(LeverError, match="team=payments may hold requests in team=payments, where nothing is moved"):
        propose(tools, finding=breach(scope=(("team", ("payments",)),)))


def test_what_nobody_could_decide_is_not_proposed(tools: Tools) -> None:
    (tools.config / "rules.yaml").write_text("guard: {dry_run: false}")
    tools.refresh()
    with pytest.raises(UserError, match="nobody is named who may agree to gateway"):
        propose(tools, finding=breach(owner=None))


def test_a_new_installation_only_says_what_it_would_do(tools: Tools) -> None:
    (tools.config / "rules.yaml").write_text("rules: []")
    tools.refresh()
    one = propose(tools)
    assert one.plan.side_effects[0].startswith("dry run: this installation only says what it would do")
    voter = Voter("U0ANA00001", frozenset({"ml-leads"}))
    vote(tools.ledger.engine, one.id, Ballot(voter, "approve", one.digest), tools.now(), request="click")
    assert "P-1 is cancelled" in settle(tools)
    assert "cheap answers instead of premium for requests of team=ml, for 2 h" in str(proposal(tools.ledger.engine, one.id).reason)
    assert [] == in_force(tools.ledger.engine, tools.now())
