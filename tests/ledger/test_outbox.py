"""The outbox on both state databases: every message goes out once, in order, whoever dies on the way."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import inspect, select

from finops.errors import LedgerError, UserError
from finops.ledger import outbox
from finops.ledger.ledger import Ledger
from finops.ledger.outbox import Reference, claim, counts, enqueue, reference_of
from finops.ledger.outbox_unsent import unsent
from finops.ledger.state import writing
from finops.ledger.tables import audit
from finops.ledger.tables_outbox import outbox as rows
from tests.ledger.conftest import MakeLedger
from tests.ledger.outbox_case import COSTS, ML, NOON, Clock, DiedError, World, put, worker

LEASE = timedelta(minutes=2)
OPS, PAGER = "email:ops@example.com", "pagerduty:default"


def forward(clock: Clock, **span: float) -> None:
    clock.now += timedelta(**span)


def given_up(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [(one.key, one.route, one.error) for one in unsent(ledger.engine, 20).given_up.letters]


def state_of(ledger: Ledger, key: str) -> str:
    with ledger.engine.connect() as connection:
        return str(connection.execute(select(rows.c.state).where(rows.c.key == key)).scalar_one())


def test_the_migration_makes_the_table_as_it_is_declared(ledger: Ledger) -> None:
    made = inspect(ledger.engine)
    assert {column.name: column.nullable for column in rows.columns} == {
        column["name"]: column["nullable"] for column in made.get_columns("outbox")
    }
    assert {"ix_outbox_instead_of", "outbox_by_state", "outbox_one_sending"} <= {index["name"] for index in made.get_indexes("outbox")}


def test_a_key_is_taken_once(ledger: Ledger, world: World) -> None:
    assert [True, False] == [put(ledger, "a", payload={"text": text}) for text in ("first", "second")]
    worker(ledger, world).deliver()
    assert ["a"] == world.keys()


def test_what_is_rolled_back_is_not_told(ledger: Ledger, world: World) -> None:
    with writing(ledger.engine) as tx:
        enqueue(tx, key="a", route=COSTS, kind="post", object_id="x", payload={"text": "x"}, at=NOON)
        tx.rollback()
    worker(ledger, world).deliver()
    assert [] == world.seen


def test_what_is_no_message_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UserError, match=r"'slak:#x' is not a route.*Did you mean 'slack'\?"):
        put(ledger, "a", "slak:#x")
    with pytest.raises(LedgerError, match="not plain JSON"):
        put(ledger, "a", payload={"text": NOON})
    with pytest.raises(LedgerError, match="0 characters"):
        put(ledger, "")
    with pytest.raises(LedgerError, match=r"Did you mean 'post'\?"):
        put(ledger, "a", kind="pots")  # type: ignore[arg-type]


def test_a_channel_gets_its_messages_in_order_one_a_second(ledger: Ledger, world: World, clock: Clock) -> None:
    for key in "abc":
        put(ledger, key)
    put(ledger, "x", ML)
    assert 4 == worker(ledger, world).deliver().sent
    assert (["a", "b", "c"], ["x"]) == (world.keys(), world.keys(ML))
    assert [NOON + timedelta(seconds=n) for n in range(3)] == [one.at for one in world.seen if one.route == COSTS]


def test_a_message_says_where_it_stands(ledger: Ledger, world: World) -> None:
    put(ledger, "a")
    assert None is reference_of(ledger.engine, "a")
    worker(ledger, world).deliver()
    assert Reference("C1", "0.0") == reference_of(ledger.engine, "a")


def test_a_message_waits_for_its_time_and_holds_nobody_up(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "later", due_at=NOON + timedelta(hours=1))
    put(ledger, "now")
    worker(ledger, world).deliver()
    assert ["now"] == world.keys()
    assert NOON + timedelta(hours=1) == outbox.next_at(ledger.engine, clock.now)
    forward(clock, hours=1)
    worker(ledger, world).deliver()
    assert ["now", "later"] == world.keys()
    assert () == world.seen[1].remarks


def test_a_message_waits_for_the_one_it_comes_after(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "first", ML)
    put(ledger, "then", after="first")
    put(ledger, "else")
    world.faults = ["limited"]
    worker(ledger, world).deliver()
    assert ["else"] == world.keys()
    forward(clock, seconds=30)
    worker(ledger, world).deliver()
    assert ["first", "then"] == [one.key for one in world.seen[1:]]


def test_a_refused_message_is_tried_again_for_hours_and_says_how_late_it_is(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "a")
    put(ledger, "b")
    while clock.now < NOON + timedelta(hours=2):
        world.faults = ["refused"]
        worker(ledger, world).deliver()
        forward(clock, minutes=5)
    world.faults = []
    worker(ledger, world).deliver()
    assert [("a", ("Delivered 2 h late.",)), ("b", ("Delivered 2 h late.",))] == [(one.key, one.remarks) for one in world.seen]


def test_waits_grow_and_stay_below_five_minutes(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "a")
    waits = []
    for _ in range(10):
        world.faults = ["refused"]
        worker(ledger, world).deliver()
        following = outbox.next_at(ledger.engine, clock.now)
        assert following
        waits.append((following - clock.now).total_seconds())
        clock.now = following
    assert [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] == waits


def test_a_lost_answer_is_looked_for_before_anything_is_said_again(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "stands")
    put(ledger, "vanished", ML)
    world.faults = ["lost after"]
    worker(ledger, world).deliver()
    assert "ambiguous" == state_of(ledger, "stands")
    world.faults = ["lost"]
    forward(clock, seconds=5)
    worker(ledger, world).deliver()
    forward(clock, seconds=5)
    worker(ledger, world).deliver()
    assert (["stands"], ["vanished"]) == (world.keys(), world.keys(ML))
    assert ["sent", "sent"] == [state_of(ledger, key) for key in ("stands", "vanished")]


def test_a_doubt_stays_through_a_refusal(ledger: Ledger, clock: Clock) -> None:
    put(ledger, "a")
    doubts = []
    for settle in (outbox.lost, outbox.put_off, outbox.lost, outbox.put_off):
        letter = claim(ledger.engine, clock.now, LEASE, {"slack"})
        assert letter
        doubts.append(letter.doubts)
        assert settle(ledger.engine, letter, clock.now, "why")
    assert ([0, 1, 1, 2], "ambiguous") == (doubts, state_of(ledger, "a"))


def test_when_the_other_side_is_down_a_round_asks_it_once(ledger: Ledger, world: World) -> None:
    put(ledger, "a")
    put(ledger, "b", ML)
    put(ledger, "c", OPS)
    world.faults = ["refused"]
    done = worker(ledger, world).deliver()
    assert (["c"], 1) == ([one.key for one in world.seen], done.put_off)


@pytest.mark.parametrize("when", ["dies", "dies after"])
def test_who_dies_while_sending_is_followed_by_another(make_ledger: MakeLedger, world: World, clock: Clock, when: str) -> None:
    ledger = make_ledger()
    put(ledger, "a")
    world.faults = [when]
    with pytest.raises(DiedError):
        worker(ledger, world).deliver()
    second = worker(make_ledger(), world)
    assert 0 == second.deliver().sent
    forward(clock, seconds=121)
    assert 1 == second.deliver().sent
    assert ["a"] == world.keys()


def test_who_dies_while_sending_blocks_no_older_message_that_becomes_due(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "older", due_at=NOON + timedelta(minutes=1))
    put(ledger, "newer")
    world.faults = ["dies"]
    with pytest.raises(DiedError):
        worker(ledger, world).deliver()
    forward(clock, minutes=5)
    worker(ledger, world).deliver()
    assert ["newer", "older"] == world.keys()


def test_two_workers_send_each_message_once(make_ledger: MakeLedger, world: World) -> None:
    for number in range(12):
        put(make_ledger(), f"m{number}", f"slack:#c{number}")
    workers = [worker(make_ledger(), world) for _ in range(3)]
    threads = [threading.Thread(target=one.deliver) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(f"m{number}" for number in range(12)) == sorted(one.key for one in world.seen)


def test_only_one_message_of_a_channel_is_under_way(make_ledger: MakeLedger, clock: Clock) -> None:
    put(make_ledger(), "a")
    put(make_ledger(), "b")
    taken = [claim(make_ledger().engine, clock.now, LEASE, {"slack"}) for _ in range(2)]
    assert ["a", None] == [letter and letter.key for letter in taken]


def test_who_comes_back_after_the_lease_settles_nothing_that_another_took(ledger: Ledger, clock: Clock) -> None:
    put(ledger, "a")
    slow = claim(ledger.engine, clock.now, LEASE, {"slack"})
    forward(clock, minutes=3)
    fast = claim(ledger.engine, clock.now, LEASE, {"slack"})
    assert slow
    assert fast
    assert (0, 1) == (slow.doubts, fast.doubts)
    assert not outbox.put_off(ledger.engine, slow, clock.now, "too late")
    assert outbox.sent(ledger.engine, fast, clock.now, Reference("C1", "2.0"))
    assert not outbox.sent(ledger.engine, slow, clock.now, Reference("C1", "1.0"))
    assert Reference("C1", "2.0") == reference_of(ledger.engine, "a")


def test_who_comes_back_late_but_first_is_believed(ledger: Ledger, clock: Clock) -> None:
    put(ledger, "a")
    slow = claim(ledger.engine, clock.now, LEASE, {"slack"})
    forward(clock, minutes=3)
    assert slow
    assert outbox.sent(ledger.engine, slow, clock.now, None)
    assert None is claim(ledger.engine, clock.now, LEASE, {"slack"})


@pytest.mark.parametrize("days", [40, -40])
def test_a_clock_that_was_wrong_for_a_moment_strands_nothing(ledger: Ledger, world: World, clock: Clock, days: int) -> None:
    forward(clock, days=days)
    put(ledger, "a", at=clock.now)
    world.faults = ["refused"]
    worker(ledger, world).deliver()
    put(ledger, "b", ML, at=clock.now)
    assert claim(ledger.engine, clock.now, LEASE, {"slack"})
    clock.now = NOON
    worker(ledger, world).deliver()
    assert ["a", "b"] == sorted(one.key for one in world.seen)


def test_what_can_never_go_is_given_up_told_otherwise_and_holds_nobody_up(ledger: Ledger, world: World) -> None:
    put(ledger, "a")
    put(ledger, "b")
    world.faults = ["never"]
    done = worker(ledger, world, [OPS, PAGER]).deliver()
    assert (2, 1) == (done.sent, done.dead)
    assert [("b", COSTS), (f"a~{OPS}", OPS)] == [(one.key, one.route) for one in world.seen] or [
        (f"a~{OPS}", OPS),
        ("b", COSTS),
    ] == [(one.key, one.route) for one in world.seen]
    assert [("a", COSTS, "is_archived")] == given_up(ledger)
    with ledger.engine.connect() as connection:
        assert ["outbox.dead"] == list(connection.execute(select(audit.c.action)).scalars())


def test_a_fallback_that_fails_is_followed_by_the_next(ledger: Ledger, world: World) -> None:
    put(ledger, "a")
    world.faults = ["never", "never"]
    worker(ledger, world, [OPS, PAGER]).deliver()
    assert [(f"a~{PAGER}", PAGER)] == [(one.key, one.route) for one in world.seen]
    assert 2 == counts(ledger.engine)["dead"]


def test_where_no_route_is_left_it_is_an_error_in_the_log(ledger: Ledger, world: World, caplog: pytest.LogCaptureFixture) -> None:
    put(ledger, "a")
    world.faults = ["never"]
    worker(ledger, world).deliver()
    [told] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert f"a cannot reach {COSTS} (is_archived); and no other route is left: nobody was told" == told


def test_an_edit_that_fails_wakes_nobody(ledger: Ledger, world: World) -> None:
    put(ledger, "a", kind="update")
    world.faults = ["never"]
    worker(ledger, world, [OPS]).deliver()
    assert [] == world.seen


def test_blocks_that_slack_refuses_become_plain_text_in_the_same_channel(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "a")
    world.faults = ["unfit"]
    worker(ledger, world, [OPS]).deliver()
    assert ["a~plain"] == world.keys()
    assert Reference("C1", "0.0") == reference_of(ledger.engine, "a")


def test_a_message_that_fails_for_long_is_told_otherwise_once_and_still_comes(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "a")
    while clock.now < NOON + timedelta(hours=1):
        claimed = "refused" if outbox.next_at(ledger.engine, clock.now) else ""
        world.faults = [claimed]
        worker(ledger, world, [OPS]).deliver()
        forward(clock, minutes=6)
    world.faults = []
    worker(ledger, world, [OPS]).deliver()
    forward(clock, minutes=6)
    worker(ledger, world, [OPS]).deliver()
    assert sorted([("a", COSTS), (f"a~{OPS}", OPS)]) == sorted((one.key, one.route) for one in world.seen)


def test_after_a_day_of_trying_it_is_given_up(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "a")
    for _ in range(400):
        world.faults = ["refused"]
        worker(ledger, world).deliver()
        forward(clock, minutes=5)
    assert "dead" == state_of(ledger, "a")
    assert [] == world.seen


def test_a_mistake_of_ours_is_looked_for_like_a_lost_answer(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "a")
    world.faults = ["breaks after"]
    worker(ledger, world).deliver()
    forward(clock, minutes=1)
    worker(ledger, world).deliver()
    assert ["a"] == world.keys()


def test_what_cannot_be_shown_is_given_up_after_a_few_tries(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "a", payload={"no": "text"})
    for _ in range(5):
        worker(ledger, world).deliver()
        forward(clock, minutes=6)
    assert [("a", COSTS, "finops-bot failed to make it ready (KeyError)")] == given_up(ledger)


def waited(ledger: Ledger, clock: Clock) -> timedelta:
    with ledger.engine.connect() as connection:
        return outbox.oldest_waiting(connection, clock.now)


def test_what_waits_and_for_how_long_can_be_asked(ledger: Ledger, world: World, clock: Clock) -> None:
    assert (0, timedelta()) == (sum(counts(ledger.engine).values()), waited(ledger, clock))
    put(ledger, "later", due_at=NOON + timedelta(days=1))
    put(ledger, "a", at=NOON - timedelta(hours=1))
    assert timedelta(hours=1) == waited(ledger, clock)
    worker(ledger, world).deliver()
    assert {"pending": 1, "sending": 0, "ambiguous": 0, "sent": 1, "dead": 0, "dropped": 0} == counts(ledger.engine)
    assert timedelta() == waited(ledger, clock)


def test_what_was_settled_long_ago_is_dropped_and_its_number_not_used_again(ledger: Ledger, world: World, clock: Clock) -> None:
    put(ledger, "a")
    worker(ledger, world).deliver()
    assert [0, 1] == [outbox.forget(ledger.engine, clock.now + timedelta(days=days)) for days in (1, 200)]
    put(ledger, "b")
    letter = claim(ledger.engine, clock.now + timedelta(minutes=1), LEASE, {"slack"})
    assert letter
    assert 2 == letter.id


def test_a_process_without_slack_leaves_its_messages_to_others(ledger: Ledger, clock: Clock) -> None:
    put(ledger, "a")
    assert None is claim(ledger.engine, clock.now, LEASE, {"email", "webhook"})
    assert "pending" == state_of(ledger, "a")
