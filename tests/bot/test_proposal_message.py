"""A proposal laid out for Slack: every state shows how things stand and only the buttons that fit, and Slack takes it."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest

from bot.blocks import Message
from bot.clicks import VALUE, Click
from bot.decision_forms import approve_form, deny_form, end_form, renew_form, snooze_form
from bot.proposal_message import event_of, proposal_blocks, value_of
from bot.proposal_words import SAID, SIGN, span
from finops.configuration.rulebook_approvals import Guard
from finops.guard.approval_policy import ApprovalPolicy, Need
from finops.guard.approvals import Vote
from finops.guard.plans import Plan
from finops.guard.proposals import State
from finops.ledger.proposals import Proposal
from slackbox import validate
from tests.ledger.proposed import ANA, BOTH, BRUNO, CHEN, NOON, PLAN

STATES: tuple[State, ...] = get_args(State)
ACTING = Guard(dry_run=False)


def made(state: State = "pending", plan: Plan = PLAN, policy: ApprovalPolicy = BOTH, **more: Any) -> Proposal:
    usual = {
        "number": 12,
        "state": state,
        "version": 3,
        "finding": "budget:ml",
        "plan_text": json.dumps(plan.document()),
        "digest": plan.digest,
        "policy": policy,
        "requester": CHEN,
        "requester_identity": None,
        "owner": None,
        "route": "slack:#ml-costs",
        "created_at": NOON,
        "expires_at": NOON + timedelta(hours=24),
        "execute_by": NOON + timedelta(minutes=15),
        "ends_at": NOON + timedelta(hours=2),
        "decided_by": ANA,
        "decided_at": NOON,
        "changed_at": NOON,
        "reason": None,
    }
    return Proposal(**(usual | more))


def shown(found: Proposal, *votes: Vote, guard: Guard = ACTING) -> Message:
    return proposal_blocks(found, votes, guard)


def said(message: Message) -> str:
    return "\n".join(str(each) for each in texts(message.blocks))


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [value["text"]] if isinstance(value.get("text"), str) else [text for each in value.values() for text in texts(each)]
    return [text for each in value for text in texts(each)] if isinstance(value, list) else []


def actions(message: Message) -> list[str]:
    return [each["action_id"] for block in message.blocks if block["type"] == "actions" for each in block["elements"]]


def yes(voter: str, *groups: str) -> Vote:
    return Vote(voter, voter, "approve", frozenset(groups), NOON)


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_said_in_words_and_taken_by_slack(state: State) -> None:
    message = shown(made(state))
    assert [] == list(validate.message({"text": message.text, "blocks": message.blocks}))
    assert f"{SIGN[state]} *{SAID[state]}" in said(message)
    assert SAID[state] in message.text


@pytest.mark.parametrize("state", STATES)
def test_only_buttons_that_fit_the_state_are_offered(state: State) -> None:
    fitting = {
        "pending": ["proposal.approve", "proposal.deny", "proposal.cancel"],
        "approved": ["proposal.deny", "proposal.cancel"],
        "active": ["proposal.renew", "proposal.end"],
    }
    assert fitting.get(state, []) == actions(shown(made(state)))


def test_what_lasts_until_it_ends_by_itself_has_nothing_to_renew() -> None:
    assert ["proposal.end"] == actions(shown(made("active", plan=replace(PLAN, lasts=None))))


def test_the_small_print_tells_the_facts_and_where_it_comes_from_and_no_internal_names() -> None:
    plan = replace(PLAN, evidence={"finding": "budget:ml:1a79:2026-11", "facts": {"Scope": "team=ml", "Forecast": "$32,821.56"}})
    message = proposal_blocks(made(plan=plan), (), ACTING, ["For <https://slack.example/archives/C1/p1|A-2>"])
    small = next(block for block in message.blocks if block["type"] == "context")["elements"]
    assert ["For <https://slack.example/archives/C1/p1|A-2>", "Forecast $32,821.56"] == [each["text"] for each in small[:2]]
    assert "1a79" not in said(message)


def test_a_reason_that_ends_its_sentence_is_ended_once() -> None:
    assert ".." not in shown(made(plan=replace(PLAN, reason="ml has spent 101 % of its budget."))).text


def test_what_its_renewal_took_over_does_not_claim_to_be_put_back() -> None:
    message = shown(made("ended", reason="goes on as P-13"))
    assert "Over; it goes on as P-13" in message.text
    assert "put back" not in said(message) + message.text


def test_a_button_carries_the_id_and_the_whole_digest_and_nothing_else() -> None:
    found = made()
    assert f"P-12|{PLAN.digest}" == value_of(found)
    assert VALUE.fullmatch(value_of(found))
    values = {each["value"] for block in shown(found).blocks if block["type"] == "actions" for each in block["elements"]}
    assert {value_of(found)} == values


def test_blocks_are_new_with_every_version() -> None:
    first, second = shown(made()), shown(made(version=4))
    assert set() == {block["block_id"] for block in first.blocks} & {block["block_id"] for block in second.blocks}


def test_who_agreed_and_who_is_still_needed_is_told_with_mentions() -> None:
    text = said(shown(made(), yes(ANA, "ml-oncall")))
    assert f"Agreed: <@{ANA}>, <!date^1795262400^{{date_short_pretty}} {{time}}|2026-11-21 12:00Z>" in text
    assert "Still needed: 1 of @finance" in text


def test_a_group_named_by_its_id_is_mentioned_so_that_it_hears_of_it() -> None:
    policy = ApprovalPolicy((Need("S0FINOPSAP", 2), Need(BRUNO)))
    assert f"Must agree: 2 of <!subteam^S0FINOPSAP> and <@{BRUNO}>" in said(shown(made(policy=policy)))


def test_dry_run_and_the_stop_switch_are_told_before_anybody_agrees() -> None:
    assert "Dry run: once agreed, it is only told what would be done." in said(shown(made(), guard=Guard()))
    assert "All levers are stopped in rules.yaml" in said(shown(made(), guard=Guard(stop=True)))
    assert "Dry run" not in said(shown(made("denied"), guard=Guard()))


def test_what_nobody_can_say_is_not_told_as_nothing() -> None:
    assert "*Saves*\nnobody can say" in said(shown(made(plan=replace(PLAN, saving=None))))


def test_an_approval_of_low_risk_asks_nothing_more_and_one_of_high_risk_gets_a_form() -> None:
    confirms = {}
    for risk in ("low", "medium", "high"):
        message = shown(made(plan=replace(PLAN, risk=risk)))
        confirms[risk] = "confirm" in next(block for block in message.blocks if block["type"] == "actions")["elements"][0]
    assert {"low": False, "medium": True, "high": False} == confirms


def test_a_stored_plan_that_was_changed_shows_no_facts_and_no_buttons() -> None:
    message = shown(made(digest="0" * 64))
    assert ([], 1) == (actions(message), len(message.blocks))
    assert "is not the one that was proposed" in message.text


@pytest.mark.parametrize(
    "text", ["", "`|`\u202e\x00\n&", "<!channel> <@U0EVE00001> <http://evil.example|Approve> ```x``` *b*", "x" * 100_000]
)
def test_x2_text_from_outside_is_shown_and_not_obeyed(text: str) -> None:
    plan = replace(
        PLAN, reason=text, targets=(text, "b") * 10, side_effects=(text,) * 10, evidence={text: text}, parameters={"fallback": {text: text}}
    )
    plan = replace(plan, parameters={"fallback": {text: text}})
    message = shown(made("denied", plan=plan, reason=text, requester=text[:100]))
    written = said(message) + message.text
    assert [] == list(validate.message({"text": message.text, "blocks": message.blocks}))
    assert [] == [bad for bad in ("<!channel>", "<@U0EVE00001>", "<http") if bad in written]
    assert sum(map(len, texts(message.blocks))) < 12_000


@pytest.mark.parametrize("reason", ["because", "<!channel>" * 50])
def test_forms_are_taken_by_slack(reason: str) -> None:
    found = made(plan=replace(PLAN, reason=reason, targets=(reason,)))
    click = Click(ANA, "T1", "proposal.deny", value_of(found), None)
    forms = [form(click, found) for form in (approve_form, deny_form, end_form, renew_form)] + [snooze_form(click, "A-12")]
    assert [] == [problem for form in forms for problem in validate.view(form)]


def test_machines_see_one_incident_from_the_question_to_its_end() -> None:
    found = {state: event_of(made(state), "said") for state in STATES}
    assert {"proposal:P-12"} == {event["dedup_key"] for event in found.values()}
    assert ("trigger", "acknowledge", "resolve") == tuple(found[state]["action"] for state in ("pending", "active", "ended"))
    assert ("trigger", "critical") == (found["compensation_failed"]["action"], found["compensation_failed"]["severity"])


@pytest.mark.parametrize(
    ("minutes", "told"), [(15, "15 min"), (60, "1 h"), (90, "90 min"), (120, "2 h"), (150, "2.5 h"), (2880, "48 h"), (10080, "7 days")]
)
def test_a_span_is_told_as_people_say_it(minutes: int, told: str) -> None:
    assert told == span(timedelta(minutes=minutes))
