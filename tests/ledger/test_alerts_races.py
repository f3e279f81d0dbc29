"""Two people, or one and the clock, move an alert at once: each order ends as the table says, and the second one is told."""

from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy import Engine, func, select

from finops.ledger import alerts
from finops.ledger.audit import entries
from finops.ledger.audit_verify import verify
from finops.ledger.tables_outbox import outbox
from tests.ledger.alerts_case import NOON, DiedError, dying, finding, firing, round_of
from tests.ledger.proposed import ANA, BRUNO, KEYS
from tests.ledger.stepped import Step, at_once, one_held

LATER, OVER = NOON + timedelta(hours=1), NOON + timedelta(hours=3)


def of(number: int) -> str:
    return f"race {number}"


def acknowledge(engine: Engine) -> bool:
    return alerts.acknowledge(engine, newest(engine), ANA, LATER).happened


def snooze(engine: Engine) -> bool:
    return alerts.snooze(engine, newest(engine), BRUNO, LATER, "it is a migration", OVER).happened


def resolve(engine: Engine) -> bool:
    return alerts.resolve(engine, newest(engine), ANA, LATER).happened


def correct(engine: Engine) -> bool:
    rule = alerts.alert(engine, newest(engine)).finding.rule
    return bool(round_of(engine, below={finding(rule=rule).key: "It is 40%."}, now=LATER).corrected)


def wake(engine: Engine) -> bool:
    return bool(alerts.wake(engine, OVER))


def newest(engine: Engine) -> str:
    return alerts.past_alerts(engine, OVER, most=1)[0].id


# What races, from a fresh alert or a snoozed one; and for each state it may end in, how many may have succeeded.
RACES: Final[dict[str, tuple[bool, tuple[Step, Step], dict[str, set[int]]]]] = {
    "acknowledge and acknowledge": (False, (acknowledge, acknowledge), {"acknowledged": {1}}),
    "snooze and snooze": (False, (snooze, snooze), {"snoozed": {1}}),
    "acknowledge and snooze": (False, (acknowledge, snooze), {"snoozed": {2}, "acknowledged": {2}}),
    "acknowledge and correct": (False, (acknowledge, correct), {"corrected": {1, 2}}),
    "snooze and correct": (False, (snooze, correct), {"corrected": {1, 2}}),
    "resolve and correct": (False, (resolve, correct), {"resolved": {1}, "corrected": {1}}),
    "resolve and snooze": (False, (resolve, snooze), {"resolved": {1, 2}}),
    "correct and correct": (False, (correct, correct), {"corrected": {1}}),
    "wake and acknowledge": (True, (wake, acknowledge), {"acknowledged": {1, 2}}),
    "wake and wake": (True, (wake, wake), {"open": {1}}),
    "wake and resolve": (True, (wake, resolve), {"resolved": {1, 2}}),
}


def ready(engine: Engine, number: int, *, snoozed: bool) -> None:
    round_of(engine, firing(rule=of(number)))
    if snoozed:
        snooze(engine)


def judge(engine: Engine, name: str, succeeded: int) -> None:
    """An end that the table allows, one entry and one edited message for each move, without a gap between them."""
    snoozed, _, ends = RACES[name]
    one = alerts.alert(engine, newest(engine))
    assert succeeded in ends.get(one.state, set()), (one.state, succeeded)
    with engine.connect() as connection:
        edits = connection.execute(select(func.count()).where(outbox.c.object_id == one.id, outbox.c.kind == "update")).scalar_one()
        moves = [entry for entry in entries(connection) if entry.object == one.id]
    assert succeeded + snoozed == edits == one.version - 1 == len(moves) - 1
    assert [entry.after for entry in moves[:-1]] == [entry.before for entry in moves[1:]]
    assert one.state == moves[-1].after
    assert verify(engine, KEYS, ()).problems == ()


@pytest.mark.parametrize("name", RACES)
def test_in_either_order_and_held_in_the_middle_an_alert_ends_as_the_table_says(engines: list[Engine], name: str) -> None:
    snoozed, steps, _ = RACES[name]
    for first in (0, 1):
        ready(engines[0], first, snoozed=snoozed)
        judge(engines[0], name, sum(steps[n](engines[n]) for n in (first, 1 - first)))
    for held in (0, 1):
        ready(engines[0], 2 + held, snoozed=snoozed)
        judge(engines[0], name, one_held(engines, steps, held))
    ready(engines[0], 4, snoozed=snoozed)
    judge(engines[0], name, at_once(engines, steps))


@pytest.mark.parametrize("step", [acknowledge, snooze, resolve, correct, wake])
def test_a_move_killed_before_any_statement_left_nothing_and_is_made_by_whoever_comes_next(engines: list[Engine], step: Step) -> None:
    at, died = 0, True
    while died:
        at += 1
        ready(engines[0], at, snoozed=step is wake)
        before = alerts.alert(engines[1], newest(engines[1]))
        try:
            with dying(engines[0], at):
                step(engines[0])
            died = False
        except DiedError:
            assert before == alerts.alert(engines[1], before.id), at
            assert step(engines[1]), at
        after = alerts.alert(engines[1], before.id)
        assert (before.version + 1, True) == (after.version, after.state != before.state)
        assert after.version - 1 == len([key for key in keys(engines[1]) if key.startswith(f"alert:{after.id}:v")]), at
        alerts.resolve(engines[1], after.id, ANA, LATER)
    assert at > 5
    assert verify(engines[1], KEYS, ()).problems == ()


def keys(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(outbox.c.key)).scalars())
