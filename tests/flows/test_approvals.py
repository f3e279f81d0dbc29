"""Approvals in Slack: who may decide, what a click does, and what the message says afterwards."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from finops.guard.plans import Plan
from tests.flows.decided import BOTH, LIMITED, ONE, TWO, Case, deciding, together
from tests.flows.slack import ANA, BRUNO, CHEN, COSTS, DORA, eventually, words


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    with deciding(tmp_path_factory.mktemp("approvals")) as case:
        yield case


@pytest.fixture(autouse=True)
def fresh(case: Case) -> None:
    case.acted.carried_out.clear()
    case.acted.ended.clear()
    case.acted.failure, case.acted.meanwhile = None, lambda: None


def test_one_message_holds_all_that_is_needed_to_decide(case: Case) -> None:
    one = case.propose(BOTH)
    said = words(case.message(one))
    for part in (
        f"{one.id}: Send requests to a cheaper model: premium → cheap",
        "ml has spent 101 % of its budget",
        "team=ml route=chat",
        "$410.00 an hour (80 %: $350.00 to $470.00), from the last hour again",
        "2 h, then it ends by itself",
        "• ml gets plainer answers",
        "Must agree: 1 of @finops-approvers and 1 of @ml-leads",
        "Waits for approval until",
        one.digest[:10],
    ):
        assert part in said
    assert ["proposal.approve", "proposal.deny", "proposal.cancel"] == case.buttons(one)


def test_an_approval_moves_the_lever_and_the_message_says_so(case: Case) -> None:
    one = case.propose()
    told = case.told(one, "approve", DORA)
    assert f"{one.id} is approved" in told
    assert [one.id] == case.acted.carried_out
    said = case.shows(one, "In force until")
    assert f"Agreed: <@{DORA}>, " in said
    assert ["proposal.renew", "proposal.end"] == case.buttons(one)


def test_a_quorum_over_two_groups_waits_for_both(case: Case) -> None:
    one = case.propose(BOTH)
    assert "your approval of" in case.told(one, "approve", ANA).lower()
    said = case.shows(one, "Still needed: 1 of @ml-leads")
    assert f"Agreed: <@{ANA}>" in said
    assert [] == case.acted.carried_out
    case.told(one, "approve", BRUNO)
    assert [one.id] == case.acted.carried_out


def test_v1_a_double_click_is_one_vote(case: Case) -> None:
    one = case.propose(TWO)
    message = case.message(one)
    case.told(one, "approve", ANA, message)
    assert f"you approved {one.id} already" in case.told(one, "approve", ANA, message).lower().replace("p-", "P-")
    assert ("pending", []) == (case.now(one).state, case.acted.carried_out)


def test_v1_two_approvers_in_one_moment_make_one_transition(case: Case) -> None:
    one = case.propose(ONE)
    message = case.message(one)
    together(*(lambda user=user: case.slack.click(message, "proposal.approve", user) for user in (ANA, DORA)))
    case.settle()
    assert ([one.id], 1) == (case.acted.carried_out, [entry.action for entry in case.history(one)].count("proposal.approve"))
    assert 1 == len(case.refusals(one))


def test_v1_approve_and_deny_together_leave_one_outcome_and_the_loser_hears_who_decided(case: Case) -> None:
    one = case.propose(ONE)
    message = case.message(one)
    case.click(one, "deny", ANA, message)  # opens the form
    form = case.view(ANA)["id"]
    state = {"reason": {"reason": {"value": "too early"}}}
    with case.slack.new(ANA, only=lambda each: each["ephemeral"]) as ana, case.slack.new(DORA, only=lambda each: each["ephemeral"]) as dora:
        together(
            lambda: case.slack.call("submit", user=ANA, view=form, state=state),
            lambda: case.slack.click(message, "proposal.approve", DORA),
        )
        case.settle()
    state_now = case.now(one).state
    heard, winner = (ana, DORA) if state_now == "active" else (dora, ANA)  # whoever approved a moment before a denial hears of both
    loser = "\n".join(map(words, heard))
    assert state_now in ("active", "denied")
    assert (state_now == "active") == (case.acted.carried_out == [one.id])
    assert f"by <@{winner}>" in loser or "is denied" in loser


def test_v1_whoever_approved_hears_of_a_denial_before_it_began(case: Case) -> None:
    one = case.propose(ONE)
    case.click(one, "deny", ANA)
    form = case.view(ANA)["id"]

    def denied() -> None:
        case.slack.call("submit", user=ANA, view=form, state={"reason": {"reason": {"value": "too early"}}})
        eventually(lambda: case.now(one).state == "denied")

    case.acted.meanwhile = denied
    with case.slack.new(DORA, only=lambda each: each["ephemeral"]) as seen:
        case.click(one, "approve", DORA)
    first, second = map(words, seen)
    assert f"{one.id} is approved" in first
    assert f"{one.id} is denied, by <@{ANA}>" in second
    assert [] == case.acted.carried_out


def test_v2_who_asked_is_refused_and_it_is_on_the_record(case: Case) -> None:
    one = case.propose(requester=ANA)
    assert f"You asked for {one.id} yourself" in case.told(one, "approve", ANA)
    assert [(ANA, f"you asked for {one.id} yourself; somebody else has to decide")] == case.refusals(one)


def test_v2_a_second_account_of_whoever_asked_is_refused_by_its_mail_address(case: Case) -> None:
    one = case.propose(requester=CHEN, requester_identity="dora@lumen.example")
    assert f"You asked for {one.id} yourself" in case.told(one, "approve", DORA)
    assert "pending" == case.now(one).state


def test_v2_two_accounts_of_one_person_are_one_vote(case: Case) -> None:
    one = case.propose(TWO)
    case.told(one, "approve", ANA)
    with case.slack.becoming(DORA, email="ana@lumen.example"):
        assert "who is you too" in case.told(one, "approve", DORA)
    assert "pending" == case.now(one).state


def test_v2_the_owner_of_the_agent_is_refused_where_the_policy_says_so(case: Case) -> None:
    one = case.propose(replace(ONE, excludes_owner=True), owner=DORA)
    assert f"You own what asked for {one.id}" in case.told(one, "approve", DORA)


def test_v3_a_click_after_expiry_is_refused_and_the_message_says_expired(case: Case) -> None:
    one = case.propose()
    case.clock.forward(hours=25)
    assert f"{one.id} has expired" in case.told(one, "approve", DORA)
    assert "Nothing was done" not in case.shows(one, "Expired; nothing was done")
    assert ([], []) == (case.acted.carried_out, case.buttons(one))


def test_v3_a_click_after_it_was_taken_back_is_refused(case: Case) -> None:
    one = case.propose(requester=CHEN)
    old = case.message(one)
    assert f"{one.id} is cancelled" in case.told(one, "cancel", CHEN)
    case.shows(one, "Taken back; nothing was done")
    button = {"block_id": old["blocks"][-1]["block_id"], "message": {"channel": COSTS, "ts": old["ts"]}}
    assert 409 == case.slack.call("interact", user=DORA, action_id="proposal.approve", **button)["status"]  # Slack shows no button any more


def test_v3_a_click_on_an_old_copy_is_refused_and_the_copy_is_brought_up_to_date(case: Case) -> None:
    one = case.propose()
    copy = copied(case, case.message(one))
    case.told(one, "approve", DORA)
    case.shows(one, "In force until")
    told = case.told(one, "approve", ANA, copy)
    assert f"{one.id} is active already by <@{DORA}>" in told
    assert "In force until" in words(eventually(lambda: seen(case, copy) != copy and seen(case, copy)))


def test_v3_a_click_on_another_plan_is_refused(case: Case) -> None:
    one = case.propose()
    stored = case.slack.box.world.find(COSTS, case.message(one)["ts"])
    assert stored
    for button in stored.blocks[-1]["elements"]:
        button["value"] = f"{one.id}|{'0' * 64}"
    assert f"The plan of {one.id} is not the one you were shown" in case.told(one, "approve", DORA)
    assert ("pending", [DORA]) == (case.now(one).state, [actor for actor, _ in case.refusals(one)])


def test_v4_who_left_the_group_is_refused(case: Case) -> None:
    one = case.propose()
    case.group("S0FINOPSAP", ANA)
    try:
        assert "You are in no group that decides this; it takes 1 of @finops-approvers" in case.told(one, "approve", DORA)
    finally:
        case.group("S0FINOPSAP", ANA, DORA)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"role": "guest"}, "guests of this workspace decide nothing"),
        ({"team": "T0ACMECORP", "role": "external"}, "people of other workspaces decide nothing here"),
    ],
)
def test_v4_who_is_no_full_member_is_refused(case: Case, changed: dict[str, Any], why: str) -> None:
    one = case.propose()
    with case.slack.becoming(DORA, **changed):
        assert why in case.told(one, "approve", DORA).lower()
    assert [(DORA, why)] == case.refusals(one)


def test_v4_who_was_removed_a_moment_ago_is_refused(case: Case) -> None:
    one = case.propose()
    case.slack.fault("users.info", delay_seconds=0.4)
    case.slack.click(case.message(one), "proposal.approve", DORA)
    with case.slack.becoming(DORA, deleted=True):
        case.settle()
    assert [(DORA, "this account is deactivated")] == case.refusals(one)


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("usergroups.list", "Slack does not say which groups you are in"),
        ("users.info", "Slack does not say whether you are a full member"),
        ("conversations.info", "Slack does not say who reads this channel"),
    ],
)
def test_v4_when_slack_does_not_say_nothing_counts(case: Case, method: str, why: str) -> None:
    one = case.propose()
    case.slack.fault(method, error="internal_error")
    assert why in case.told(one, "approve", DORA)
    assert ("pending", 1) == (case.now(one).state, len(case.refusals(one)))
    assert f"{one.id} is approved" in case.told(one, "approve", DORA)


def test_v4_nothing_is_decided_where_another_company_reads_along(case: Case) -> None:
    one = case.propose()
    channel = case.slack.box.world.channels[COSTS]
    channel.external = True
    try:
        assert "shared with another company, so nothing is decided here" in case.told(one, "approve", DORA)
    finally:
        channel.external = False
    assert 1 == len(case.refusals(one))


@pytest.mark.parametrize(
    "value",
    ["{other}|{digest}", "P-99999|{digest}", "{id}", "approve everything", "{id}|{digest}|amount=1000000", "", "P-0|{digest}"],
)
def test_v5_a_tampered_button_decides_nothing_and_is_on_the_record(case: Case, value: str) -> None:
    one, other = case.propose(), case.propose()
    told = value.format(id=one.id, other=other.id, digest=one.digest if "other" not in value else other.digest)
    before = len(entries(case))
    delivered(case, one, "proposal.approve", told)
    assert ("pending", "pending", []) == (case.now(one).state, case.now(other).state, case.acted.carried_out)
    assert before + 1 == len(entries(case))


def test_v5_an_action_that_no_button_has_is_refused_and_answered(case: Case) -> None:
    one = case.propose()
    with case.slack.new(DORA, only=lambda each: each["ephemeral"]) as seen:
        delivered(case, one, "proposal.apply_at_once", f"{one.id}|{one.digest}")
    assert "no button of finops-bot" in words(seen[0])
    assert [DORA] == [actor for actor, _ in case.refusals(one)]


def test_r2_a_role_that_ended_while_the_form_was_open_refuses_it(case: Case) -> None:
    one = case.propose()
    case.click(one, "deny", DORA)
    case.group("S0FINOPSAP", ANA)
    try:
        case.fill(DORA, reason="because")
    finally:
        case.group("S0FINOPSAP", ANA, DORA)
    assert ("pending", [DORA]) == (case.now(one).state, [actor for actor, _ in case.refusals(one)])


def test_s5_a_click_that_slack_delivers_three_times_counts_once(case: Case) -> None:
    one = case.propose(TWO)
    case.told(one, "approve", ANA)
    line = case.slack.log("delivery")[-1]
    for number in (1, 2):
        case.slack.again(line, retry_num=number)
    case.settle()
    assert (1, []) == ([entry.action for entry in case.history(one)].count("proposal.vote"), case.refusals(one))


def test_s5_a_click_is_acknowledged_while_slack_is_slow_to_say_who_it_was(case: Case) -> None:
    one = case.propose()
    case.slack.fault("users.info", delay_seconds=1.0)
    answer = case.slack.click(case.message(one), "proposal.approve", DORA)
    assert (True, "pending") == (answer["acked"], case.now(one).state)
    case.settle()
    assert "active" == case.now(one).state


def test_a_denial_asks_why_and_ends_it(case: Case) -> None:
    one = case.propose(BOTH)
    case.click(one, "deny", BRUNO)
    assert f"Deny {one.id}" == case.view(BRUNO)["title"]["text"]
    assert {"reason": "Please write why; it is kept on the record."} == case.fill(BRUNO, reason="   ")["errors"]
    case.fill(BRUNO, reason="we need the *premium* model <today>")
    said = case.shows(one, "Denied; nothing was done")
    assert f"by <@{BRUNO}>" in said
    assert "(we need the ∗premium∗ model <today>)" in said
    assert [] == case.buttons(one)


def test_what_is_risky_takes_a_typed_phrase_that_names_the_plan(case: Case) -> None:
    one = case.propose(replace(ONE, step_up=True))
    case.click(one, "approve", DORA)
    phrase = f"approve {one.id} {one.digest[:6]}"
    assert f"Type `{phrase}`" in words({"text": "", "blocks": case.view(DORA)["blocks"]})
    assert {"phrase": f"That is not it. Type: {phrase}"} == case.fill(DORA, phrase=f"approve {one.id}")["errors"]
    assert "pending" == case.now(one).state
    case.fill(DORA, phrase=f"  {phrase.upper()} ")
    assert ("active", "phrase") == (
        case.now(one).state,
        next(each.strength for each in case.history(one) if each.action == "proposal.vote"),
    )


def test_a_high_risk_takes_the_phrase_without_being_asked_for(case: Case) -> None:
    one = case.propose(plan=Plan(**{**vars(LIMITED), "risk": "high"}))
    case.click(one, "approve", DORA)
    assert ("pending", f"Approve {one.id}") == (case.now(one).state, case.view(DORA)["title"]["text"])


def test_a_form_that_slack_opens_no_more_is_told(case: Case) -> None:
    one = case.propose()
    case.slack.fault("views.open", error="expired_trigger_id")
    assert "Slack did not open the form (expired_trigger_id), so nothing was done; click again" in case.told(one, "deny", DORA)


def copied(case: Case, message: dict[str, Any]) -> dict[str, Any]:
    """Post the message once more, as one whose answer was lost."""
    answer = case.slack.service.slack.client.chat_postMessage(channel=COSTS, text=message["text"], blocks=message["blocks"])
    return next(each for each in case.slack.messages(DORA) if each["ts"] == answer["ts"])


def seen(case: Case, message: dict[str, Any]) -> dict[str, Any]:
    return next(each for each in case.slack.messages(DORA) if each["ts"] == message["ts"])


def delivered(case: Case, one: Any, action: str, value: str) -> None:
    """Deliver a click that no screen of Slack's would make."""
    stored = case.slack.box.world.find(COSTS, case.message(one)["ts"])
    assert stored
    button = stored.blocks[-1]["elements"][0]
    button.update(action_id=action, value=value)
    assert case.slack.call(
        "interact", user=DORA, message={"channel": COSTS, "ts": stored.ts}, block_id=stored.blocks[-1]["block_id"], action_id=action
    )["acked"]
    case.settle()


def entries(case: Case) -> list[Any]:
    from finops.ledger.audit import entries as all_of

    with case.tools.ledger.engine.connect() as connection:
        return [entry for entry in all_of(connection) if entry.action in ("proposal.refused", "proposal.unknown")]
