"""What was given up is listed with what it tells of, tried again once however often it is asked for, and let go where it is over."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from finops.errors import UserError
from finops.guard.watching import Firing
from finops.ledger import alerts, outbox
from finops.ledger.audit import entries
from finops.ledger.audit_chain import Entry
from finops.ledger.ledger import Ledger
from finops.ledger.outbox_again import Again, let_go, try_again, try_all_again
from finops.ledger.outbox_unsent import Unsent, number_of, unsent
from finops.ledger.proposals import Move, step
from finops.ledger.state import writing
from finops.ledger.tables_outbox import outbox as rows
from tests.ledger.alerts_case import DiedError, dying, finding
from tests.ledger.conftest import MakeLedger
from tests.ledger.outbox_case import COSTS, ML, NOON, Clock, World, put, worker
from tests.ledger.outbox_case import DiedError as DiedWhileSendingError
from tests.ledger.proposed import proposed

OPS = "email:ops@example.com"
BOSS = "U0ANA00001"


def bury(ledger: Ledger, clock: Clock, error: str = "is_archived", *, lost: bool = False) -> None:
    """Give up whatever may go out now."""
    while letter := outbox.claim(ledger.engine, clock.now, timedelta(minutes=2), {"slack", "email", "pagerduty"}):
        assert outbox.bury(ledger.engine, letter, clock.now, error, None, may_be_out=lost)


def given_up(ledger: Ledger) -> list[Unsent]:
    return list(unsent(ledger.engine, 20).given_up.letters)


def states(ledger: Ledger) -> dict[str, str]:
    with ledger.engine.connect() as connection:
        return {row.key: row.state for row in connection.execute(select(rows.c.key, rows.c.state).order_by(rows.c.id))}


def audited(engine: Engine, action: str) -> list[Entry]:
    with engine.connect() as connection:
        return [entry for entry in entries(connection) if entry.action == action]


def detail(entry: Entry) -> dict[str, Any]:
    return dict(json.loads(entry.detail))


def again(ledger: Ledger, identity: str, **more: Any) -> Again:
    return try_again(ledger.engine, identity, NOON, BOSS, **more)


def test_what_was_given_up_goes_out_once_however_often_it_is_tried_again(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "a")
    bury(ledger, clock)
    assert [["M-1"], []] == [again(ledger, "M-1").again for _ in range(2)]
    assert "M-1 waits to be sent already" == again(ledger, "m-1").late
    worker(ledger, world).deliver()
    assert (["a"], "M-1 arrived") == (world.keys(), again(ledger, "1").late)
    [told] = audited(ledger.engine, "outbox.revived")
    assert ("a", BOSS, "M-1", COSTS) == (told.object, told.actor, detail(told)["id"], detail(told)["route"])


def test_many_who_click_at_once_have_it_tried_again_once(make_ledger: MakeLedger, clock: Clock) -> None:
    ledgers = [make_ledger() for _ in range(4)]
    put(ledgers[0], "a")
    bury(ledgers[0], clock)
    came: list[Again] = []
    threads = [threading.Thread(target=lambda one=one: came.append(again(one, "M-1"))) for one in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [[], [], [], ["M-1"]] == sorted(one.again for one in came)
    assert 1 == len(audited(ledgers[0].engine, "outbox.revived"))


def test_one_and_all_at_once_take_each_message_once(make_ledger: MakeLedger, clock: Clock) -> None:
    ledgers = [make_ledger() for _ in range(2)]
    for number in range(5):
        put(ledgers[0], f"m{number}", f"slack:#c{number}")
    bury(ledgers[0], clock)
    came: list[str] = []
    works = [
        lambda: came.extend(try_all_again(ledgers[0].engine, NOON, NOON, BOSS).again),
        lambda: came.extend(again(ledgers[1], "M-3").again),
    ]
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [f"M-{number}" for number in range(1, 6)] == sorted(came)


def test_who_looked_before_it_was_tried_and_given_up_anew_comes_late(ledger: Ledger, clock: Clock) -> None:
    put(ledger, "a")
    bury(ledger, clock)
    [seen] = given_up(ledger)
    assert ["M-1"] == again(ledger, "M-1", seen=seen.attempts).again
    bury(ledger, clock)
    assert "M-1 was tried again meanwhile, and given up anew" == again(ledger, "M-1", seen=seen.attempts).late
    assert "dead" == states(ledger)["a"]


def test_all_is_what_was_given_up_when_it_was_looked_at(ledger: Ledger, clock: Clock) -> None:
    put(ledger, "a")
    bury(ledger, clock)
    clock.sleep(60)
    put(ledger, "b", ML)
    bury(ledger, clock)
    assert ["M-1"] == try_all_again(ledger.engine, NOON, clock.now, BOSS).again
    assert {"a": "pending", "b": "dead"} == states(ledger)


def test_too_many_at_once_are_taken_in_turns_the_oldest_first(ledger: Ledger, clock: Clock) -> None:
    for number in range(5):
        put(ledger, f"m{number}", f"slack:#c{number}")
    bury(ledger, clock)
    done = [try_all_again(ledger.engine, NOON, NOON, BOSS, most=3) for _ in range(3)]
    assert [(["M-1", "M-2", "M-3"], 2), (["M-4", "M-5"], 0), ([], 0)] == [(one.again, one.left) for one in done]
    assert done[0].said().endswith("2 more were given up; try all again once these are out")


def test_what_may_have_arrived_is_looked_for_before_it_is_sent_again(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "stands")
    put(ledger, "lost", ML)
    world.faults = ["lost after", "lost"]
    for _ in range(3):
        worker(ledger, world).deliver()
    bury(ledger, clock := Clock(clock.now + timedelta(hours=1)), "Slack's answer was lost", lost=True)
    assert ["M-1", "M-2"] == try_all_again(ledger.engine, clock.now, clock.now, BOSS).again
    assert {"stands": "ambiguous", "lost": "ambiguous"} == states(ledger)
    world.clock.now = clock.now
    worker(ledger, world).deliver()
    assert (["stands"], ["lost"]) == (world.keys(), world.keys(ML))
    repeated = "This may be a repeat: the answer to the first attempt was lost."
    assert [repeated in one.remarks for one in world.seen if one.key == "lost"] == [True]


def test_what_is_tried_again_has_a_day_once_more(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "a")
    for _ in range(400):
        world.faults = ["refused"]
        worker(ledger, world).deliver()
        clock.sleep(300)
    assert "dead" == states(ledger)["a"]
    try_again(ledger.engine, "M-1", clock.now, BOSS)
    world.faults = ["limited"]
    worker(ledger, world).deliver()
    assert "pending" == states(ledger)["a"]
    clock.sleep(60)
    worker(ledger, world).deliver()
    assert [("a", ("Delivered 33 h late.",))] == [(one.key, one.remarks) for one in world.seen]


@pytest.mark.parametrize("after", [None, "older"])
def test_one_who_died_while_sending_blocks_nothing_that_is_tried_again(
    ledger: Ledger, world: World, clock: Clock, after: str | None
) -> None:
    put(ledger, "older")
    put(ledger, "newer", kind="post" if after is None else "thread", after=after)
    world.faults = ["never", "dies"]
    with pytest.raises(DiedWhileSendingError):
        worker(ledger, world).deliver()
    clock.sleep(121)
    assert ["M-1"] == again(ledger, "M-1").again
    worker(ledger, world).deliver()
    assert ["newer", "older"] == world.keys()


def fire(ledger: Ledger) -> None:
    alerts.take(ledger.engine, [Firing(finding(), "ml", (ML,))], NOON)


def test_an_alert_that_is_over_is_no_news_and_is_let_go_with_its_edits(ledger: Ledger, clock: Clock) -> None:
    fire(ledger)
    bury(ledger, clock)
    alerts.resolve(ledger.engine, "A-1", "check-budgets", NOON, "spend fell")
    bury(ledger, clock, "there is no message to edit")
    [seen] = given_up(ledger)
    assert ("A-1", "ml is past 0.8.", "A-1 is resolved", 1) == (seen.about, seen.title, seen.needless, seen.along)
    assert {"M-1": "A-1 is resolved"} == again(ledger, "M-1").dropped
    assert {"dropped"} == set(states(ledger).values())
    [told] = audited(ledger.engine, "outbox.dropped")
    assert ("alert:A-1", BOSS, "A-1 is resolved", ["M-2"]) == (told.object, told.actor, detail(told)["why"], detail(told)["with"])


def test_an_open_alert_goes_out_with_its_edits(ledger: Ledger, world: World, clock: Clock) -> None:
    fire(ledger)
    bury(ledger, clock)
    alerts.acknowledge(ledger.engine, "A-1", BOSS, NOON)
    bury(ledger, clock, "there is no message to edit")
    assert "M-2 is an edit of M-1, and goes with it" == again(ledger, "M-2").late
    assert (["M-1"], {}) == ((done := again(ledger, "M-1")).again, done.dropped)
    for key in states(ledger):
        with writing(ledger.engine) as tx:
            tx.execute(rows.update().where(rows.c.key == key).values(payload='{"text": "x"}'))
    worker(ledger, world).deliver()
    assert (["alert:A-1", "alert:A-1:v2"], []) == (world.keys(ML), given_up(ledger))


def test_an_edit_of_a_message_that_stands_is_sent_though_its_alert_is_over(ledger: Ledger, clock: Clock) -> None:
    fire(ledger)
    letter = outbox.claim(ledger.engine, NOON, timedelta(minutes=2), {"slack"})
    assert letter
    outbox.sent(ledger.engine, letter, NOON, outbox.Reference("C1", "1.0"))
    alerts.resolve(ledger.engine, "A-1", "check-budgets", NOON, "spend fell")
    clock.sleep(2)
    bury(ledger, clock, "fatal")
    assert ["M-2"] == try_all_again(ledger.engine, clock.now, clock.now, BOSS).again


@pytest.mark.parametrize(("event", "over"), [("deny", True), ("approve", False)])
def test_a_request_that_was_decided_is_not_made_again(ledger: Ledger, clock: Clock, event: Any, over: bool) -> None:
    made = proposed(ledger.engine)
    bury(ledger, clock)
    step(ledger.engine, made.id, event, Move("somebody", NOON))
    assert over == bool(again(ledger, "M-1").dropped)


def test_what_stands_there_as_plain_text_or_arrived_otherwise_is_not_said_twice(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "unfit")
    put(ledger, "late", ML)
    world.faults = ["unfit"]
    worker(ledger, world).deliver()
    assert {"unfit": "dead", "late": "sent", "unfit~plain": "sent"} == states(ledger)
    assert ["it was told in the same place as plain text"] == [one.needless for one in given_up(ledger)]
    assert (["M-1"], []) == (list((done := try_all_again(ledger.engine, clock.now, clock.now, BOSS)).dropped), done.again)


def test_the_ways_it_was_told_instead_are_named_and_tried_anew_with_it(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "a")
    world.faults = ["never", "never"]
    worker(ledger, world, [OPS]).deliver()
    [seen] = given_up(ledger)
    assert ("a", ((OPS, "dead"),)) == (seen.key, seen.instead)
    again(ledger, "M-1")
    assert {"a": "pending"} == states(ledger)
    world.faults = ["never"]
    worker(ledger, world, [OPS]).deliver()
    assert [f"a~{OPS}"] == world.keys(OPS)
    assert [[OPS]] == [detail(one)["withdrawn"] for one in audited(ledger.engine, "outbox.revived")]


def test_what_nobody_needs_is_let_go_and_counts_no_more(ledger: Ledger, clock: Clock) -> None:
    put(ledger, "a")
    bury(ledger, clock)
    assert [{"M-1": "somebody let it go"}, {}] == [let_go(ledger.engine, "M-1", NOON, BOSS).dropped for _ in range(2)]
    assert ("dropped", 0) == (states(ledger)["a"], outbox.counts(ledger.engine)["dead"])
    assert "M-1 was let go" == again(ledger, "M-1").late
    assert 1 == outbox.forget(ledger.engine, clock.now + timedelta(days=200))


def test_each_fate_is_listed_and_what_is_too_much_counted(ledger: Ledger, clock: Clock) -> None:
    for number in range(3):
        put(ledger, f"dead{number}", f"slack:#c{number}")
    bury(ledger, clock)
    put(ledger, "waits")
    put(ledger, "lost", ML)
    letter = outbox.claim(ledger.engine, clock.now, timedelta(minutes=2), {"slack"})
    assert letter
    outbox.lost(ledger.engine, letter, clock.now + timedelta(minutes=1), "time-out")
    piles = unsent(ledger.engine, 2)
    assert ([["M-3", "M-2"], ["M-4"], ["M-5"]], 1) == (
        [[one.id for one in pile.letters] for pile in (piles.given_up, piles.ambiguous, piles.waiting)],
        piles.given_up.rest,
    )
    assert ("slack:#c2", "is_archived", 1, NOON) == ((one := piles.given_up.letters[0]).route, one.error, one.attempts, one.settled_at)


@pytest.mark.parametrize("identity", ["M-0", "P-7", "M-", "seventeen", "M-99999999999"])
def test_what_names_no_message_is_said_in_a_sentence(ledger: Ledger, identity: str) -> None:
    with pytest.raises(UserError, match=rf"'{identity}' is no message; it is named M- and its number, such as M-17"):
        number_of(identity)


def test_a_message_there_is_not_is_said_in_a_sentence(ledger: Ledger) -> None:
    with pytest.raises(UserError, match="there is no message M-404; finops-bot messages lists"):
        again(ledger, "M-404")


def test_who_dies_on_the_way_changed_nothing_or_all_of_it(ledger: Ledger, clock: Clock) -> None:
    fire(ledger)
    bury(ledger, clock)
    alerts.acknowledge(ledger.engine, "A-1", BOSS, NOON)
    bury(ledger, clock, "there is no message to edit")
    for last in range(1, 40):
        try:
            with dying(ledger.engine, last):
                again(ledger, "M-1")
            break
        except DiedError:
            assert ({"dead"}, []) == (set(states(ledger).values()), audited(ledger.engine, "outbox.revived"))
    assert last > 5
    assert ({"pending"}, 1) == (set(states(ledger).values()), len(audited(ledger.engine, "outbox.revived")))
