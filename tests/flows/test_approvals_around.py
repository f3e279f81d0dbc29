"""After and around an approval: ended early, taken back, answered where it can be shown, listed, on the Home tab."""

from collections.abc import Iterator

import pytest

from finops.ledger.outbox import reference_of
from finops.ledger.proposals import Move, Proposal, open_proposals, step
from finops.ledger.renewing import renews
from tests.flows.decided import BOTH, Case, deciding
from tests.flows.slack import ANA, BRUNO, CHEN, DORA, EVE, GUEST, TOM, eventually, words


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    with deciding(tmp_path_factory.mktemp("approvals")) as case:
        yield case


@pytest.fixture(autouse=True)
def fresh(case: Case) -> None:
    case.acted.carried_out.clear()
    case.acted.ended.clear()
    case.acted.failure = None


def test_what_is_in_force_is_ended_early_with_a_reason(case: Case) -> None:
    one = case.propose()
    case.told(one, "approve", DORA)
    case.shows(one, "In force until")
    case.click(one, "end", ANA)
    case.fill(ANA, reason="traffic is back to normal")
    assert [(one.id, ANA, "traffic is back to normal")] == case.acted.ended
    case.shows(one, "Over; everything is put back")
    assert [] == case.buttons(one)


def test_a_stranger_does_not_end_what_is_in_force(case: Case) -> None:
    one = case.propose()
    case.told(one, "approve", DORA)
    case.shows(one, "In force until")
    case.click(one, "end", BRUNO)
    case.fill(BRUNO, reason="I want the premium model")
    assert ("active", []) == (case.now(one).state, case.acted.ended)
    assert [(BRUNO, "you are in no group that decides this; it takes 1 of @finops-approvers")] == case.refusals(one)


def active(case: Case) -> Proposal:
    one = case.propose()
    case.told(one, "approve", DORA)
    case.shows(one, "In force until")
    return one


def renewal_of(case: Case, one: Proposal) -> Proposal:
    return next(each for each in open_proposals(case.tools.ledger.engine) if renews(each.plan) == one.id)


def test_whoever_renews_says_why_and_somebody_else_decides_about_it(case: Case) -> None:
    one = active(case)
    case.click(one, "renew", DORA)
    assert f"Renew {one.id}" == case.view(DORA)["title"]["text"]
    case.fill(DORA, reason="the launch takes a day longer")
    new = renewal_of(case, one)
    assert (DORA, "pending") == (new.requester, new.state)
    case.delivered(lambda: reference_of(case.tools.ledger.engine, f"proposal:{new.id}"))
    said = case.shows(new, f"{one.id} goes on: the launch takes a day longer")
    assert "Goes on from <http" in said
    assert f"You asked for {new.id} yourself" in case.told(new, "approve", DORA)
    case.told(new, "approve", ANA)
    assert [one.id, new.id] == case.acted.carried_out


def test_a_renewal_is_told_in_the_thread_of_what_it_renews(case: Case) -> None:
    one = active(case)
    case.click(one, "renew", ANA)
    case.fill(ANA, reason="still busy")
    new, top = renewal_of(case, one), case.message(one)["ts"]
    told = case.delivered(
        lambda: [each["text"] for each in case.slack.messages(DORA) if each.get("thread_ts") == top and new.id in each["text"]]
    )
    assert "asks that this goes on." in told[0]


def test_renewing_twice_asks_once_and_the_second_click_is_on_the_record(case: Case) -> None:
    one = active(case)
    for user in (ANA, DORA):
        case.click(one, "renew", user)
        case.fill(user, reason="still busy")
    new = renewal_of(case, one)
    assert [(DORA, f"{new.id} asks already that {one.id} goes on; it is pending")] == case.refusals(one)


def test_a_stranger_is_refused_before_any_form_and_it_is_on_the_record(case: Case) -> None:
    one = active(case)
    assert "You are in no group that decides this" in case.told(one, "renew", BRUNO)
    assert ({}, [BRUNO]) == (case.view(BRUNO), [actor for actor, _ in case.refusals(one)])


def test_what_ended_meanwhile_is_not_renewed(case: Case) -> None:
    one = active(case)
    case.click(one, "renew", ANA)
    case.acted.end(one.id, DORA, "over")
    case.fill(ANA, reason="still busy")
    assert [(ANA, f"{one.id} is ended, agreed to by {DORA}")] == [(actor, why.partition(" at ")[0]) for actor, why in case.refusals(one)]


def test_only_who_asked_or_an_admin_takes_it_back(case: Case) -> None:
    one = case.propose(requester=CHEN)
    assert f"Only <@{CHEN}>, who asked for {one.id}, or an admin takes it back" in case.told(one, "cancel", BRUNO)
    assert f"{one.id} is cancelled" in case.told(one, "cancel", ANA)  # an admin of the workspace


def test_an_answer_that_cannot_be_shown_in_the_channel_comes_as_a_direct_message(case: Case) -> None:
    one = case.propose()
    case.slack.fault("response_url", status=500, times=3)
    case.slack.fault("chat.postEphemeral", error="user_not_in_channel", times=3)
    with case.slack.new(DORA, "D0DORA0001") as seen:
        case.click(one, "approve", DORA)
    assert f"{one.id} is approved" in words(seen[0])
    case.slack.box.rig.faults.clear()


def test_what_came_of_it_is_told_after_the_vote_even_where_slack_dawdles(case: Case) -> None:
    one = case.propose()
    case.slack.fault("response_url", delay_seconds=0.5)
    with case.slack.new(DORA, only=lambda each: each["ephemeral"]) as seen:
        case.click(one, "approve", DORA)
    assert [f"{one.id} is approved", f"{one.id} is active"] == [each["text"].partition(".")[0].partition(",")[0] for each in seen]


def test_a_lever_that_fails_is_told_to_whoever_approved(case: Case) -> None:
    one = case.propose()
    case.acted.failure = RuntimeError("the gateway's address is 10.0.0.1")
    with case.slack.new(DORA, only=lambda each: "Quote" in each["text"]) as seen:
        case.click(one, "approve", DORA)
    assert "Something went wrong on our side" in words(seen[0])
    assert "10.0.0.1" not in words(seen[0])
    assert "approved" == case.now(one).state  # the job that settles actions goes on


def test_the_home_tab_shows_what_waits_for_me_with_buttons(case: Case) -> None:
    case.clear()
    one = case.propose()
    case.slack.call("home", user=DORA)
    blocks = eventually(lambda: (found := case.slack.home(DORA)) and f"{one.id}:" in words({"text": "", "blocks": found}) and found)
    button = next(block for block in blocks if block.get("block_id", "").startswith(f"home.{one.id}.") and block["type"] == "actions")
    home = case.slack.call_state(DORA)["home"]["id"]
    assert case.slack.call("interact", user=DORA, view=home, block_id=button["block_id"], action_id="proposal.approve")["acked"]
    case.settle()
    done = {f"{one.id} is approved", f"{one.id} is active"}
    said = eventually(
        lambda: (text := words({"text": "", "blocks": case.slack.home(DORA)})) and any(each in text for each in done) and text
    )
    assert f"{one.id}: Send requests" not in said
    assert "active" == case.now(one).state


def test_the_home_tab_of_somebody_who_decides_nothing_shows_none(case: Case) -> None:
    one = case.propose()
    case.slack.call("home", user=CHEN)
    said = words({"text": "", "blocks": eventually(lambda: case.slack.home(CHEN))})
    assert (False, True) == (f"{one.id}:" in said, "Bills in the ledger" in said or "No bill is loaded yet" in said)


def test_the_home_tab_says_when_slack_does_not_tell_the_groups(case: Case) -> None:
    case.propose()
    case.slack.fault("usergroups.list", error="internal_error")
    case.slack.call("home", user=ANA)
    assert eventually(lambda: "Slack does not say which groups you are in" in words({"text": "", "blocks": case.slack.home(ANA)}))


def test_open_proposals_are_listed_with_their_state(case: Case) -> None:
    one = case.propose(BOTH)
    said = case.slack.ask("proposals", CHEN)
    assert f"{one.id}: Send requests to a cheaper model: premium → cheap on team=ml route=chat. Waits for approval until" in said
    assert "it takes 1 of @finops-approvers and 1 of @ml-leads" in said


def test_a_plan_that_somebody_changed_in_the_database_shows_no_buttons(case: Case) -> None:
    from sqlalchemy import text

    one = case.propose()
    with case.tools.ledger.engine.begin() as connection:
        connection.execute(text("UPDATE proposals SET plan = replace(plan, 'cheap', 'free') WHERE number = :n"), {"n": one.number})
    message = case.message(one)
    assert "nothing was counted" in case.told(one, "approve", DORA, message)
    step(case.tools.ledger.engine, one.id, "supersede", Move("test", case.clock()))
    assert case.delivered(lambda: [] == case.buttons(one))


def test_guests_and_strangers_are_answered_like_everybody(case: Case) -> None:
    one = case.propose()
    assert "Guests of this workspace decide nothing" in case.told(one, "approve", GUEST)
    for nobody in (EVE, TOM):
        assert not case.slack.click(case.message(one), "proposal.approve", nobody).get("acked")  # Slack itself lets neither in here


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("proposals banana", "Proposals takes nothing, or one such as P-12, not 'banana'"),
        ("proposals P-9999", "There is no proposal P-9999"),
        ("audit banana", "'banana' is neither a proposal nor an alert; proposals and alerts list them"),
        ("audit A-9999", "There is no alert A-9999; alerts all lists them"),
        ("alerts snooze A-1", "Alerts only lists; to snooze one, use the button under its message"),
        ("alerts al", "not 'al'. Did you mean 'all'?"),
        ("audti P-1", "Did you mean 'audit'?"),
        ("proposal", "Did you mean 'proposals'?"),
    ],
)
def test_a_wrong_word_is_answered_with_the_way_out(case: Case, asked: str, said: str) -> None:
    assert said.casefold() in case.slack.ask(asked, CHEN).casefold()


def test_one_proposal_is_shown_by_its_id_also_when_it_is_over(case: Case) -> None:
    one = case.propose()
    case.told(one, "cancel", ANA)
    assert "Taken back; nothing was done" in case.slack.ask(f"proposals {one.id.lower()}", CHEN)
