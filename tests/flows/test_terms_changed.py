"""V9: what was agreed to under other terms is asked again; an edit that has nothing to do with it changes nothing."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import levers as bot_levers
from bot.assemble import Tools, assemble
from finops.configuration.rulebook_steps import Propose
from finops.errors import LeverError
from finops.guard.approvals import Ballot, Voter
from finops.guard.findings import Finding
from finops.guard.terms import TERMS
from finops.ledger.asking import propose_step
from finops.ledger.proposals import Proposal, proposal
from finops.ledger.voting import vote

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BUDGETS = """
budgets:
  - {name: ml, scope: team=ml, monthly: 100, owner: "@ml-leads"}
  - {name: search, scope: team=search, monthly: 100, owner: "@search-leads"}
"""
RULES = """
rules:
  - {name: brake, when: {budget: 90% ml}, scope: team=ml, who: "@ml-oncall"}
  - {name: other, when: {budget: 90% search}, scope: team=search}
guard:
  dry_run: false
  max_targets: 5
  approvals: [{lever: gateway.*, needs: "@ml-oncall"}, {lever: aws.*, needs: "@cloud"}]
"""
THROTTLE = Propose("gateway.throttle", {"requests_per_second": "2"}, timedelta(hours=2))
Edit = Callable[[str, str], None]


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    (tmp_path / "budgets.yaml").write_text(BUDGETS)
    (tmp_path / "rules.yaml").write_text(RULES)
    with assemble(tmp_path, {"FINOPS_THREADS": "1", "FINOPS_SLACK_ALERTS_CHANNEL": "C0ALERTS01"}, lambda: NOON) as made:
        yield made


def approved(tools: Tools, **more: Any) -> Proposal:
    said: dict[str, Any] = {"key": "k", "kind": "budget", "rule": "brake", "version": "1", "period": "2026-11", "severity": "critical"}
    said |= {"scope": (("team", ("ml",)),), "title": "ml is over", "owner": "@ml-leads", "evidence": {"budget": "ml"}, **more}
    finding = Finding(**said, observed_at=NOON, as_of=NOON)
    one = propose_step(bot_levers.desk(tools), finding, THROTTLE, NOON).proposal
    voter = Voter("U0ANA00001", frozenset({"ml-oncall"}))
    assert "approved" == vote(tools.ledger.engine, one.id, Ballot(voter, "approve", one.digest), NOON, request="click").outcome
    return one


def edit(tools: Tools, file: str, before: str, after: str) -> None:
    path = tools.config / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    tools.refresh()


def outcome(tools: Tools, one: Proposal) -> tuple[str, str | None]:
    bot_levers.carry_out(tools, "this process")(one.id)
    found = proposal(tools.ledger.engine, one.id)
    return found.state, found.reason


def test_the_terms_are_part_of_what_is_agreed_to(tools: Tools) -> None:
    one = approved(tools)
    assert [["@ml-oncall", 1]] == one.plan.evidence[TERMS]["approval"]["needs"]


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("rules.yaml", '{lever: gateway.*, needs: "@ml-oncall"}', '{lever: gateway.*, needs: ["@ml-oncall", "@finance"]}'),
        ("rules.yaml", 'who: "@ml-oncall"', 'who: ["@ml-oncall", "@finance"]'),
        ("budgets.yaml", 'owner: "@ml-leads"', 'owner: "@others"'),
    ],
    ids=["the guard", "the rule", "the budget's owner"],
)
def test_v9_others_must_agree_now(tools: Tools, file: str, before: str, after: str) -> None:
    one = approved(tools)
    edit(tools, file, before, after)
    state, reason = outcome(tools, one)
    assert "superseded" == state
    assert reason in (
        "who must agree to it is configured in another way since",
        "the rule or the budget that asked for it was changed since",
    )


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [("rules.yaml", "90% ml", "95% ml"), ("budgets.yaml", "scope: team=ml, monthly: 100", "scope: team=ml, monthly: 900")],
    ids=["the rule", "the budget"],
)
def test_v9_what_asked_for_it_asks_otherwise_now(tools: Tools, file: str, before: str, after: str) -> None:
    one = approved(tools)
    edit(tools, file, before, after)
    assert ("superseded", "the rule or the budget that asked for it was changed since") == outcome(tools, one)


def test_v9_its_target_is_protected_now(tools: Tools) -> None:
    one = approved(tools)
    edit(tools, "rules.yaml", "max_targets: 5", "deny_scopes: [{team: ml}]")
    state, reason = outcome(tools, one)
    assert ("superseded", True) == (state, "team=ml" in str(reason))


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("rules.yaml", "90% search", "50% search"),
        ("rules.yaml", 'needs: "@cloud"', 'needs: "@others"'),
        ("rules.yaml", "max_targets: 5", "max_targets: 50"),
        ("rules.yaml", "max_targets: 5", "deny_scopes: [{team: payments}]"),
        ("budgets.yaml", 'owner: "@search-leads"', 'owner: "@nobody"'),
        ("budgets.yaml", "budgets:", "# a remark\nbudgets:"),
    ],
)
def test_an_unrelated_edit_supersedes_nothing(tools: Tools, file: str, before: str, after: str) -> None:
    one = approved(tools)
    edit(tools, file, before, after)
    assert "active" == outcome(tools, one)[0]


def test_after_it_was_superseded_it_can_be_asked_again(tools: Tools) -> None:
    one = approved(tools)
    edit(tools, "rules.yaml", "90% ml", "95% ml")
    assert "superseded" == outcome(tools, one)[0]
    again = approved(tools)
    assert one.id != again.id
    assert "active" == outcome(tools, again)[0]


def test_the_stop_switch_pressed_in_the_file_holds_up_what_was_approved_and_not_what_is_put_back(tools: Tools) -> None:
    running, waiting = approved(tools), approved(tools, key="another", rule="other-rule")
    assert "active" == outcome(tools, running)[0]
    edit(tools, "rules.yaml", "guard:", "guard:\n  stop: true")
    assert "approved" == outcome(tools, waiting)[0]
    with pytest.raises(LeverError, match=r"stopped by guard\.stop"):
        approved(tools, key="a third", rule="third")
    assert "ended" == bot_levers.end_early(tools, "this process")(running.id, "U0ANA00001", None).proposal.state
