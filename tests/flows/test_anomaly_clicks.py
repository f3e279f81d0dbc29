"""Acknowledge, Expected, Not useful and Investigate under an anomaly in Slack."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from finops.insight.anomalies_groups import Group
from finops.ledger.anomalies import acknowledge, anomaly, said
from finops.ledger.audit import history_of
from finops.ledger.outbox import reference_of
from finops.ledger.settling_anomalies import settle
from tests.flows.decided import Case, deciding
from tests.flows.slack import ANA, BRUNO, COSTS, GUEST, Message, eventually, words
from tests.ledger.anomalies_case import ML, OPUS, found, look

ROUTE = "slack:#ai-costs"


@pytest.fixture
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    with deciding(tmp_path_factory.mktemp("anomalies")) as case:
        now = case.clock()
        one = found(OPUS, now.date() - timedelta(days=1))
        wider = found(ML, now.date() - timedelta(days=1), 110)
        settle(case.tools.ledger.engine, look(Group(one, (wider,)), at=now, routes={one.id: ROUTE}))
        yield case


def identity(case: Case) -> str:
    return found(OPUS, case.clock().date() - timedelta(days=1)).id


def shown(case: Case) -> Message:
    where = case.delivered(lambda: reference_of(case.tools.ledger.engine, f"anomaly:{identity(case)}"))
    return next(each for each in case.slack.messages(BRUNO) if each["ts"] == where.ts)


def told(case: Case, action: str, user: str, message: Message | None = None) -> str:
    with case.slack.new(user, only=lambda each: each["ephemeral"]) as seen:
        assert case.slack.click(message or shown(case), action, user)["acked"]
    return words(seen[0])


def state(case: Case) -> tuple[str, str]:
    one = anomaly(case.tools.ledger.engine, identity(case))
    return one.case.state, one.changed_by


def test_the_message_tells_the_figures_and_where_else_it_is_seen(case: Case) -> None:
    text = words(shown(case))
    assert "model=opus team=ml cost $100.00 more than expected" in text
    assert "The same cause is seen in team=ml (+$110.00)." in text


def test_an_acknowledged_anomaly_says_by_whom(case: Case) -> None:
    assert f"{identity(case)} is acknowledged, by <@{BRUNO}>" in told(case, "anomaly.ack", BRUNO)
    assert ("acknowledged", BRUNO) == state(case)
    eventually(lambda: f"Acknowledged by <@{BRUNO}>" in words(shown(case)))


def test_expected_asks_why_and_until_when(case: Case) -> None:
    case.slack.click(shown(case), "anomaly.expect", BRUNO)
    case.settle()
    last = case.clock().date() + timedelta(days=3)
    chosen = {"selected_option": {"value": "Until the day below"}}
    written = {"reason": {"reason": {"value": "a load test"}}, "again": {"again": chosen}, "until": {"until": {"selected_date": str(last)}}}
    case.slack.call("submit", user=BRUNO, view=case.view(BRUNO)["id"], state=written)
    case.settle()
    (word,) = said(case.tools.ledger.engine)
    assert ("expected", "a load test", "until", last + timedelta(days=1)) == (word.verdict, word.reason, word.pattern, word.until)
    assert ("expected", BRUNO) == state(case)


def test_a_day_that_is_over_is_refused_in_the_form(case: Case) -> None:
    case.slack.click(shown(case), "anomaly.expect", BRUNO)
    case.settle()
    chosen = {"selected_option": {"value": "Until the day below"}}
    written = {"reason": {"reason": {"value": "x"}}, "again": {"again": chosen}, "until": {"until": {"selected_date": "2020-01-01"}}}
    answer = case.slack.call("submit", user=BRUNO, view=case.view(BRUNO)["id"], state=written)
    case.settle()
    assert "That day is over" in str(answer)
    assert "open" == state(case)[0]


def test_not_useful_is_noted_and_ends_it(case: Case) -> None:
    assert "is not told again there unless it is larger" in told(case, "anomaly.useless", BRUNO)
    assert ("resolved", BRUNO) == state(case)
    assert f"you said of {identity(case)} already".lower() in told(case, "anomaly.useless", BRUNO).lower()


def test_investigate_answers_in_the_thread(case: Case) -> None:
    assert "tells why in a moment" in told(case, "anomaly.investigate", BRUNO)
    key = f"anomaly:{identity(case)}:why:{anomaly(case.tools.ledger.engine, identity(case)).case.anomaly.end}"
    where = case.delivered(lambda: reference_of(case.tools.ledger.engine, key))
    reply = next(each for each in case.slack.messages(BRUNO) if each["ts"] == where.ts)
    assert shown(case)["ts"] == reply["thread_ts"]


@pytest.mark.parametrize("action", ["anomaly.ack", "anomaly.expect", "anomaly.useless", "anomaly.investigate"])
def test_a_guest_moves_nothing_and_is_on_the_record(case: Case, action: str) -> None:
    assert "Guests of this workspace decide nothing" in told(case, action, GUEST)
    assert ("open", {}) == (state(case)[0], case.view(GUEST))
    assert [GUEST] == [each.actor for each in history_of(case.tools.ledger.engine, identity(case)) if each.action == "anomaly.refused"]


def test_a_click_on_an_old_copy_is_answered_recorded_and_the_copy_brought_up_to_date(case: Case) -> None:
    message = shown(case)
    answer = case.slack.service.slack.client.chat_postMessage(channel=COSTS, text=message["text"], blocks=message["blocks"])
    acknowledge(case.tools.ledger.engine, identity(case), BRUNO, case.clock(), case.clock().date())
    copy = next(each for each in case.slack.messages(ANA) if each["ts"] == answer["ts"])
    assert f"{identity(case)} is acknowledged already, by <@{BRUNO}>" in told(case, "anomaly.ack", ANA, copy)
    now = eventually(lambda: (one := next(each for each in case.slack.messages(ANA) if each["ts"] == copy["ts"])) != copy and one)
    assert f"Acknowledged by <@{BRUNO}>" in words(now)
