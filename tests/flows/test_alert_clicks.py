"""Acknowledge and Snooze under an alert in Slack."""

from collections.abc import Iterator

import pytest

from finops.guard.watching import Firing
from finops.ledger.alert_rows import message_key
from finops.ledger.alerts import alert, take
from finops.ledger.outbox import reference_of
from tests.flows.decided import Case, deciding
from tests.flows.slack import BRUNO, GUEST, Message, words
from tests.ledger.alerts_case import finding

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


def test_a_guest_acknowledges_nothing(case: Case) -> None:
    with case.slack.new(GUEST, only=lambda each: each["ephemeral"]) as seen:
        case.slack.click(shown(case), "alert.ack", GUEST)
    assert "Guests of this workspace decide nothing" in words(seen[0])
    assert "open" == alert(case.tools.ledger.engine, "A-1").state
