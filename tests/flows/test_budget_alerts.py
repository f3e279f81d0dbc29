"""A budget is breached: one message in its channel, edited in place, and the same for whoever asks in the terminal."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from bot.outgoing import show
from bot.replies import Asking
from finops.guard.alertmanager import findings
from finops.ledger.alerts import acknowledge, alert
from finops.ledger.alerts import beside as alert_beside
from finops.ledger.outbox import Reference, reference_of
from finops.ledger.proposals import Asked, Beside, Proposal, propose
from jobs.check_budgets import take_findings
from jobs.delivering import Deliverer, Surroundings
from jobs.registry import Tools as JobTools
from jobs.routes import Parcel
from tests.flows.outbox_case import ML, Case, beside_slack
from tests.jobs.watched_case import Watch, noon, watching
from tests.ledger.outbox_case import Clock
from tests.ledger.proposed import ONE, PLAN, click

BUDGETS = """
budgets:
  - {name: company, monthly: 5000, owner: "@bo", thresholds: [100%]}
  - {name: ml, scope: team=ml, monthly: 1000, owner: "@ana", channel: "#ml", parent: company, split: {prod: 60%, dev: 30%, buffer: 10%}}
"""


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with watching(tmp_path, BUDGETS, "rules: [{name: slow, when: {growth: {scope: team=ml, above: 900%}}}]") as case:
        yield case


@pytest.fixture
def slack(watch: Watch) -> Iterator[Case]:
    with beside_slack(watch.tools.ledger, Clock(noon("2026-11-03"))) as case:
        yield case


def deliver(watch: Watch, slack: Case) -> None:
    """Deliver by the renderers of the bot."""
    inner = slack.worker()
    around = inner._around
    rendered = Surroundings(around.ledger, around.routes, lambda payload: show(watch.tools, payload), around.clock, around.sleep)
    Deliverer(rendered).deliver()


def test_a_breach_is_one_message_that_follows_its_alert(watch: Watch, slack: Case) -> None:
    now = watch.spend("2026-11-01", 400, 900)
    watch.check(now)
    deliver(watch, slack)
    (message,) = slack.seen(ML)
    assert "ml has spent $1,300.00 of $1,000.00 (130 %) in 2026-11." in message.text
    assert {"alert.ack", "alert.snooze"} == set(_actions(message.blocks))
    shown = next(one.id for one in watch.alerts() if one.routes and one.watcher == "ml")
    assert "is acknowledged, by U0ANA00001" in acknowledge(watch.tools.ledger.engine, shown, "U0ANA00001", now).said
    slack.forward(seconds=10)
    deliver(watch, slack)
    (message,) = slack.seen(ML)
    assert "Acknowledged by <@U0ANA00001>" in message.text
    assert ["alert.snooze"] == _actions(message.blocks)


def _actions(blocks: list[dict[str, Any]]) -> list[str]:
    return [element["action_id"] for block in blocks if block["type"] == "actions" for element in block["elements"]]


def test_names_from_a_bill_are_shown_to_the_letter_in_an_alert(tmp_path: Path) -> None:
    budgets = 'budgets: [{name: "<!channel> *ml*", scope: team=ml, monthly: 10, channel: "#ml", thresholds: [100%]}]'
    with watching(tmp_path, budgets) as watch:
        watch.check(watch.spend("2026-11-01", 40))
        content = show(watch.tools, {"render": "alert", "id": "A-1"})
        assert "<!channel>" not in json.dumps(content.blocks) + content.text
        assert "&lt;!channel&gt; ∗ml∗" in content.text


def test_machines_get_one_incident_that_is_opened_taken_over_and_closed(watch: Watch) -> None:
    from finops.ledger import alerts

    now = watch.spend("2026-11-01", 600)
    watch.check(now)
    number = next(one.id for one in watch.alerts() if one.routes)
    seen = [show(watch.tools, {"render": "alert", "id": number}).event]
    for move in (alerts.acknowledge, alerts.resolve):
        move(watch.tools.ledger.engine, number, "U0ANA00001", now)
        seen.append(show(watch.tools, {"render": "alert", "id": number}).event)
    assert ["trigger", "acknowledge", "resolve"] == [event["action"] for event in seen]
    assert 1 == len({event["dedup_key"] for event in seen})


def test_where_budgets_stand_can_be_asked_with_the_same_words(watch: Watch) -> None:
    from bot.commands import reply

    now = watch.spend("2026-11-01", 400, 900)
    document: Any = reply(watch.tools, "budgets", Asking("test", now)).document
    told = {each["name"]: each for each in document["budgets"]}
    assert ["company", "ml"] == list(told)
    assert ("1300.000000", 1.3, "over", {"team": ["ml"]}) == tuple(told["ml"][name] for name in ("spent", "share", "state", "scope"))
    assert "0.26" == str(told["company"]["share"])
    watch.check(now)
    listed: Any = reply(watch.tools, "alerts", Asking("test", now + timedelta(minutes=1))).document
    assert "open" == listed["alerts"][0]["state"]


def test_rules_can_be_tested_on_past_days_without_leaving_a_trace(tmp_path: Path, watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    watch.spend("2026-11-01", 100, 450, 500)
    assert 0 == main(["--config", str(tmp_path), "rules", "test", "--from", "2026-11-01", "--to", "2026-11-04", "--json"])
    told = json.loads(capsys.readouterr().out)
    budgets = [(each["day"], each["threshold"]) for each in told["fired"] if each["kind"] == "budget"]
    assert [("2026-11-02", 0.5), ("2026-11-03", 0.8), ("2026-11-03", 1.0)] == budgets
    assert [] == watch.alerts()
    assert [] == watch.outbox()


def test_an_alert_of_prometheus_is_told_once_and_ends_when_it_says_so(watch: Watch) -> None:
    now = noon("2026-11-03")
    tools = JobTools(watch.tools.ledger, now, watch.tools.settings, watch.tools.rulebook)
    for status in ("firing", "firing", "resolved", "resolved"):
        take_findings(tools, findings(_delivery(status, now), now).findings)
    assert [("resolved", ("slack:#ml",))] == [(one.state, one.routes) for one in watch.alerts()]
    assert ["alert:A-1"] == watch.posts()


def _delivery(status: str, now: datetime) -> dict[str, Any]:
    alert = {"status": status, "labels": {"alertname": "QueueFull", "team": "ml"}, "annotations": {}, "startsAt": now.isoformat()}
    return {"version": "4", "groupKey": "g", "alerts": [alert]}


def breached(watch: Watch) -> Beside:
    """A breach in its channel, and the message it is told by."""
    watch.check(watch.spend("2026-11-01", 400, 900))
    found = next(one for one in watch.alerts() if one.routes and one.watcher == "ml")
    return Beside(found.id, found.messages[0][0])


def beside(watch: Watch, at: Beside) -> Proposal:
    finding = alert(watch.tools.ledger.engine, at.alert).key
    return propose(watch.tools.ledger.engine, Asked(PLAN, finding, "finops-bot", ONE, "slack:#ml", beside=at), noon("2026-11-03")).proposal


def test_what_is_proposed_for_an_alert_stands_in_its_message_whatever_becomes_of_it(watch: Watch, slack: Case) -> None:
    one = beside(watch, breached(watch))
    deliver(watch, slack)
    (message,) = slack.seen(ML)
    assert ["proposal.approve", "proposal.deny", "proposal.cancel", "alert.ack", "alert.snooze"] == _actions(message.blocks)
    assert "It saves $410.00 an hour" in message.text
    click(watch.tools.ledger.engine, one, "U0ANA00001", at=noon("2026-11-03"))
    slack.forward(seconds=10)
    deliver(watch, slack)
    (message,) = slack.seen(ML)
    assert ["proposal.deny", "proposal.cancel", "alert.ack", "alert.snooze"] == _actions(message.blocks)
    assert message.text.endswith(f"Seen by <@U0ANA00001>, who decided on {one.id}.")
    assert Reference(ML, message.ts) == reference_of(watch.tools.ledger.engine, f"proposal:{one.id}")


def test_a_message_that_is_full_takes_no_more_proposals(watch: Watch, slack: Case) -> None:
    at, engine = breached(watch), watch.tools.ledger.engine
    key = alert(engine, at.alert).key
    assert at == alert_beside(engine, key, "slack:#ml")
    for number in range(3):
        plan = replace(PLAN, reason=f"the {number}. of them")
        propose(engine, Asked(plan, key, "finops-bot", ONE, "slack:#ml", beside=at), noon("2026-11-03"))
    assert None is alert_beside(engine, key, "slack:#ml")
    deliver(watch, slack)
    assert (1, 3) == (len(slack.seen(ML)), _actions(slack.seen(ML)[0].blocks).count("proposal.approve"))


def test_a_proposal_whose_alert_could_not_be_shown_is_told_another_way_by_itself(watch: Watch, slack: Case) -> None:
    one = beside(watch, breached(watch))
    slack.box.world.channels[ML].archived = True
    around = slack.worker()._around
    shown: list[str] = []
    route = _Noting(shown)
    away = replace(
        around, routes={**around.routes, "email": route}, show=lambda told: show(watch.tools, told), fallbacks=("email:ops@example.com",)
    )
    Deliverer(away).deliver()
    assert any(text.startswith(f"{one.id}: ") for text in shown), shown


@dataclass
class _Noting:
    """A mailbox that keeps what it is sent."""

    shown: list[str]

    def send(self, parcel: Parcel) -> None:
        self.shown.append(parcel.content.text)
