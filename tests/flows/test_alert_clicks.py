"""Acknowledge and Snooze under an alert in Slack."""

from collections.abc import Iterator

import pytest

from finops.guard.watching import Firing
from finops.ledger.alert_rows import message_key
from finops.ledger.alerts import alert, asked, resolve, take
from finops.ledger.audit import history_of
from finops.ledger.outbox import reference_of
from finops.ledger.proposals import Asked, propose
from tests.flows.decided import ONE, Case, deciding
from tests.flows.slack import ANA, BRUNO, COSTS, GUEST, ML, Message, eventually, words
from tests.ledger.alerts_case import finding
from tests.ledger.proposed import PLAN

ROUTE = "slack:#ai-costs"


@pytest.fixture
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    with deciding(tmp_path_factory.mktemp("alerts")) as case:
        take(case.tools.ledger.engine, [Firing(finding(), "ml", (ROUTE,))], case.clock())
        yield case


def shown(case: Case) -> Message:
    where = case.delivered(lambda: reference_of(case.tools.ledger.engine, message_key(1, 0, ROUTE)))
    return next(each for each in case.slack.messages(BRUNO) if each["ts"] == where.ts)


def test_an_acknowledged_alert_says_by_whom(case: Case) -> None:
    with case.slack.new(BRUNO, only=lambda each: each["ephemeral"]) as seen:
        assert case.slack.click(shown(case), "alert.ack", BRUNO)["acked"]
    assert f"A-1 is acknowledged, by <@{BRUNO}>" in words(seen[0])
    assert ("acknowledged", BRUNO) == ((found := alert(case.tools.ledger.engine, "A-1")).state, found.changed_by)


def test_a_snooze_asks_how_long_and_why(case: Case) -> None:
    case.slack.click(shown(case), "alert.snooze", BRUNO)
    case.settle()
    state = {"reason": {"reason": {"value": "known since Monday"}}, "how_long": {"how_long": {"selected_option": {"value": "1 day"}}}}
    case.slack.call("submit", user=BRUNO, view=case.view(BRUNO)["id"], state=state)
    case.settle()
    found = alert(case.tools.ledger.engine, "A-1")
    assert ("snoozed", "known since Monday") == (found.state, found.reason)
    assert found.until
    assert 24 == round((found.until - case.clock()).total_seconds() / 3600)


def told(case: Case, action: str, user: str, message: Message | None = None) -> str:
    with case.slack.new(user, only=lambda each: each["ephemeral"]) as seen:
        assert case.slack.click(message or shown(case), action, user)["acked"]
    return words(seen[0])


def refusals(case: Case) -> list[tuple[str, str]]:
    return [(each.actor, each.reason or "") for each in history_of(case.tools.ledger.engine, "A-1") if each.action == "alert.refused"]


@pytest.mark.parametrize("action", ["alert.ack", "alert.snooze"])
def test_a_guest_moves_nothing_and_is_on_the_record(case: Case, action: str) -> None:
    assert "Guests of this workspace decide nothing" in told(case, action, GUEST)
    assert ("open", {}) == (alert(case.tools.ledger.engine, "A-1").state, case.view(GUEST))
    assert [(GUEST, "guests of this workspace decide nothing")] == refusals(case)


def test_v3_a_click_on_an_old_copy_is_answered_recorded_and_the_copy_brought_up_to_date(case: Case) -> None:
    message = shown(case)
    answer = case.slack.service.slack.client.chat_postMessage(channel=COSTS, text=message["text"], blocks=message["blocks"])
    assert "A-1 is acknowledged" in told(case, "alert.ack", BRUNO)
    copy = next(each for each in case.slack.messages(ANA) if each["ts"] == answer["ts"])
    assert f"A-1 is acknowledged already, by <@{BRUNO}>" in told(case, "alert.ack", ANA, copy)
    assert [ANA] == [actor for actor, _ in refusals(case)]
    now = eventually(lambda: (one := next(each for each in case.slack.messages(ANA) if each["ts"] == copy["ts"])) != copy and one)
    assert f"Acknowledged by <@{BRUNO}>" in words(now)


def test_snoozing_what_is_over_opens_no_form(case: Case) -> None:
    message = shown(case)
    resolve(case.tools.ledger.engine, "A-1", "check-budgets", case.clock(), "spend fell")
    assert "A-1 is resolved; your click changed nothing" in told(case, "alert.snooze", BRUNO, message)
    assert ({}, [BRUNO]) == (case.view(BRUNO), [actor for actor, _ in refusals(case)])


def test_when_slack_does_not_say_who_clicked_nothing_moves(case: Case) -> None:
    case.slack.fault("users.info", error="internal_error")
    assert "Slack does not say whether you are a full member" in told(case, "alert.ack", BRUNO)
    assert ("open", 1) == (alert(case.tools.ledger.engine, "A-1").state, len(refusals(case)))


def test_the_message_links_what_was_proposed_for_it_and_back(case: Case) -> None:
    engine = case.tools.ledger.engine
    made = propose(engine, Asked(PLAN, finding().key, "finops-bot", ONE, ROUTE), case.clock()).proposal
    asked(engine, 1, case.clock(), [f"{made.id} is proposed"])
    where = case.delivered(lambda: reference_of(engine, f"proposal:{made.id}"))
    assert case.delivered(lambda: f"|{made.id}>" in words(shown(case)))
    assert f"*Proposed:* <{case.slack.box.url}/archives/{COSTS}/p{where.ts.replace('.', '')}|{made.id}>" in words(shown(case))
    assert f"For <{case.slack.box.url}/archives/{COSTS}/p{shown(case)['ts'].replace('.', '')}|A-1>" in words(case.message(made))


def test_a_war_room_calls_people_by_mention_and_tells_the_facts(case: Case) -> None:
    engine = case.tools.ledger.engine
    found = finding("1.0", rule="search", owner="@bruno", facts={"Scope": "team=search", "Forecast": "$1,200.00"})
    take(engine, [Firing(found, "search", (ROUTE,), rooms=("#ml",))], case.clock())
    said = case.delivered(lambda: next((words(each) for each in case.slack.messages(BRUNO, ML) if "this thread" in each["text"]), None))
    assert f"Called: <@{BRUNO}>" in said
    assert "• Forecast: $1,200.00" in said
    assert f"<{case.slack.box.url}/archives/{COSTS}/p" in said
