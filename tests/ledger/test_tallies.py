"""What monitoring is told of the state database."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from finops.insight.anomalies_groups import Group
from finops.ledger.anomalies import not_useful
from finops.ledger.carrying_out import carry_out, settle
from finops.ledger.ledger import Ledger
from finops.ledger.outbox import enqueue
from finops.ledger.settling_anomalies import settle as settle_anomalies
from finops.ledger.state import open_state, writing
from finops.ledger.tallies import lags, tallies
from tests.ledger.acting_case import Scene, scene
from tests.ledger.anomalies_case import ML, OPUS, look
from tests.ledger.anomalies_case import found as found_anomaly
from tests.ledger.bills import Charge, deliver
from tests.ledger.proposed import KEYS, NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture
def on(state_url: str, tmp_path: Path) -> Iterator[Scene]:
    engine = open_state(state_url, KEYS)
    yield scene(engine, tmp_path)
    engine.dispose()


def told(engine: Engine, name: str, at: timedelta = timedelta()) -> dict[str, float]:
    """Return the figures of a name that are not 0, by the value of their only label."""
    return {"".join(value for _, value in one.labels): one.value for one in tallies(engine, NOON + at) if one.name == name and one.value}


def letter(engine: Engine, key: str, **more: timedelta) -> None:
    with writing(engine) as tx:
        due = NOON + more["due"] if "due" in more else None
        enqueue(tx, key=key, route="slack:#ml", kind="post", object_id="A-1", payload={"text": "x"}, at=NOON, due_at=due)


def test_an_empty_state_tells_every_state_as_zero(on: Scene) -> None:
    found = tallies(on.engine, NOON)
    assert {0.0} == {one.value for one in found}
    assert {("finops_alerts", "open"), ("finops_proposals", "compensation_failed"), ("finops_outbox_messages", "dead")} <= {
        (one.name, one.labels[0][1]) for one in found if one.labels
    }


def test_the_oldest_pending_message_counts_from_when_it_was_due(on: Scene) -> None:
    letter(on.engine, "later", due=60 * MINUTE)
    assert {} == told(on.engine, "finops_outbox_oldest_pending_seconds", 10 * MINUTE)
    letter(on.engine, "now")
    assert {"": 600.0} == told(on.engine, "finops_outbox_oldest_pending_seconds", 10 * MINUTE)
    assert {"pending": 2.0} == told(on.engine, "finops_outbox_messages")


def test_what_is_in_force_is_counted_until_it_is_put_back(on: Scene) -> None:
    one = on.approved(["a", "b"])
    assert {} == told(on.engine, "finops_effects_in_force")
    carry_out(on.hands, one.id)
    assert {"applied": 2.0} == told(on.engine, "finops_effects_in_force")
    assert {"active": 1.0} == told(on.engine, "finops_proposals")


def test_what_could_not_be_put_back_stays_in_sight(on: Scene) -> None:
    one = on.approved(["a"])
    carry_out(on.hands, one.id)
    on.world.put("a", "other")
    on.clock.forward(days=3)
    settle(on.hands)
    assert {"stuck": 1.0} == told(on.engine, "finops_effects_in_force")
    assert {"compensation_failed": 1.0} == told(on.engine, "finops_proposals")


def test_it_takes_eight_statements_however_much_there_is(on: Scene) -> None:
    for number in range(20):
        letter(on.engine, f"m-{number}")
    asked: list[str] = []
    event.listen(on.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    tallies(on.engine, NOON)
    assert 8 == sum("SELECT" in each.upper() for each in asked)


def test_open_anomalies_are_counted_by_cause_and_what_was_said_of_them(on: Scene) -> None:
    driver = found_anomaly(OPUS)
    settle_anomalies(on.engine, look(Group(driver, (found_anomaly(ML),))))
    assert {"dayhigh": 1.0} == told(on.engine, "finops_anomalies_open")
    not_useful(on.engine, driver.id, "U0ANA", NOON, NOON.date())
    assert ({}, {"not useful": 1.0}) == (told(on.engine, "finops_anomalies_open"), told(on.engine, "finops_anomaly_feedback"))


def test_each_source_tells_how_old_its_delivery_and_its_complete_days_are(ledger: Ledger) -> None:
    deliver(ledger, [Charge(date(2026, 3, 18), "1"), Charge(date(2026, 3, 19), "1")], at=datetime(2026, 3, 20, tzinfo=UTC))
    found = {one.name: (one.labels, one.value) for one in lags(ledger, datetime(2026, 3, 21, tzinfo=UTC))}
    assert ((("source", "aws"),), 86400.0) == found["finops_ingestion_delivery_age_seconds"]
    assert found["finops_ingestion_complete_day_age_seconds"][1] >= 86400.0
