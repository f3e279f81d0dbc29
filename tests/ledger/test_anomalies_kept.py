"""What is kept of anomalies: each once, told once for each cause, moved by looks and by people."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from finops.errors import UserError
from finops.insight.anomalies_groups import Group
from finops.insight.anomalies_states import LIVE
from finops.ledger.anomalies import acknowledge, anomaly, expect, investigate, kept, last_looks, listed_with, not_useful, said
from finops.ledger.audit import history_of
from finops.ledger.settling_anomalies import settle
from finops.ledger.state import open_state
from finops.ledger.tables_anomalies import is_live
from tests.ledger.anomalies_case import DAY, ML, NOON, OPUS, ROUTE, TODAY, found, grown, letters, look

ANA, BRUNO = "U0ANA", "U0BRUNO"
SPIKE = found()


@pytest.fixture
def engine(state_url: str) -> Iterator[Engine]:
    engine = open_state(state_url)
    yield engine
    engine.dispose()


def state(engine: Engine, identity: str = SPIKE.id) -> str:
    return anomaly(engine, identity).case.state


def test_what_counts_as_live_in_the_database_is_what_the_states_say() -> None:
    assert sorted(LIVE) == sorted(is_live.right.value)


def test_an_anomaly_is_kept_and_told_once_however_often_it_is_found(engine: Engine) -> None:
    first, again = settle(engine, look(SPIKE)), settle(engine, look(SPIKE, at=NOON + timedelta(hours=1)))
    assert ((SPIKE.id,), (SPIKE.id,)) == (first.opened, first.told)
    assert ((), (), ()) == (again.opened, again.told, again.grown)
    assert [f"anomaly:{SPIKE.id}"] == letters(engine, "post")
    assert ["anomaly.open", "anomaly.tell"] == [each.action for each in history_of(engine, SPIKE.id)]


def test_one_cause_is_one_message_with_the_wider_scopes_listed_in_it(engine: Engine) -> None:
    driver, wider = found(OPUS), found(ML)
    assert (driver.id,) == settle(engine, look(Group(driver, (wider,)))).told
    assert [wider.id] == [one.id for one in listed_with(engine, driver.id)]
    assert (driver.id,) == tuple(one.id for one in kept(engine, NOON) if one.told_with is None)


def test_the_same_cause_seen_from_another_scope_the_next_day_is_no_news(engine: Engine) -> None:
    settle(engine, look(Group(found(OPUS), (found(ML),))))
    other = found((("team", "ml"), ("service", "Claude API")))
    done = settle(engine, look(Group(other, (found(ML),)), at=NOON + DAY))
    assert ((other.id,), ()) == (done.opened, done.told)
    assert found(OPUS).id == anomaly(engine, other.id).told_with


def test_hours_that_tell_of_a_day_told_already_join_its_message(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    begun = NOON - DAY
    hours = found(ML, excess=40.0, id="A-00000000aa", step="hour", start=begun, end=begun + timedelta(hours=3), detected_on=begun)
    done = settle(engine, look(hours, at=NOON + timedelta(hours=1), series={"hour": 10}, known_until={"hour": NOON}))
    assert ((hours.id,), ()) == (done.opened, done.told)


def test_hours_that_begin_late_within_a_shift_of_all_are_told_by_themselves(engine: Engine) -> None:
    shift = found((), TODAY - 20 * DAY, excess=900.0, kind="shift", end=TODAY)
    assert (shift.id,) == settle(engine, look(shift, known_until={"day": TODAY - 18 * DAY})).told
    begun = NOON - timedelta(hours=3)
    hours = found(ML, excess=40.0, id="A-00000000aa", step="hour", start=begun, end=begun + timedelta(hours=2), detected_on=begun)
    done = settle(engine, look(hours, at=NOON + timedelta(hours=1), series={"hour": 10}, known_until={"hour": NOON}))
    assert ((hours.id,), (hours.id,)) == (done.opened, done.told)


def test_a_day_far_beyond_a_shift_that_was_told_has_a_message_of_its_own(engine: Engine) -> None:
    shift = found(start=TODAY - 3 * DAY, kind="shift", end=TODAY)
    settle(engine, look(shift, known_until={"day": TODAY - DAY}))
    spike = found(excess=400.0)
    assert ((spike.id,), (shift.id,)) == ((done := settle(engine, look(grown(shift, 500.0), spike, at=NOON + DAY))).told, done.grown)


def test_an_anomaly_whose_first_day_is_told_anew_stays_the_same_one(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    earlier = found(ML, start=SPIKE.start - DAY, end=SPIKE.end)
    settle(engine, look(earlier, at=NOON + DAY))
    assert [SPIKE.id] == [one.id for one in kept(engine, NOON + DAY)]
    assert earlier.start == anomaly(engine, SPIKE.id).case.anomaly.start


def test_what_grows_edits_its_message_and_is_said_in_its_thread(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    assert (SPIKE.id,) == settle(engine, look(grown(SPIKE, 180), at=NOON + DAY)).grown
    assert ("growing", 1, 1) == (state(engine), len(letters(engine, "update")), len(letters(engine, "thread")))


def test_what_is_found_no_more_is_over_and_its_message_says_so(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    assert (SPIKE.id,) == settle(engine, look(at=NOON + DAY)).over
    assert ("resolved", 1) == (state(engine), len(letters(engine, "update")))


def test_a_look_at_nothing_ends_nothing(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    assert () == settle(engine, look(at=NOON + DAY, series={"day": 0})).over
    assert () == settle(engine, look(at=NOON + DAY, series={"hour": 10})).over


def test_a_look_that_is_older_than_the_last_one_changes_nothing(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    assert () == settle(engine, look(at=NOON - timedelta(minutes=5))).over
    assert {"day": NOON} == last_looks(engine)


@pytest.mark.parametrize(("severity", "status", "is_told"), [("medium", "open", False), ("high", "ended", False), ("high", "open", True)])
def test_a_first_look_over_old_data_tells_what_is_recent_and_what_is_grave_and_goes_on(
    engine: Engine, severity: str, status: str, is_told: bool
) -> None:
    old = found(OPUS, start=TODAY - 20 * DAY, severity=severity, status=status)
    done = settle(engine, look(SPIKE, old))
    assert (2, (SPIKE.id, *([old.id] if is_told else []))) == (len(done.opened), done.told)


def test_a_channel_hears_no_more_than_its_share_of_a_week(engine: Engine) -> None:
    many = [found((("team", f"t{n}"),)) for n in range(5)]
    done = settle(engine, look(*many, per_week=2))
    assert (5, 2, 3) == (len(done.opened), len(done.told), done.held_back)


def test_what_is_of_low_severity_is_listed_and_not_told(engine: Engine) -> None:
    begun = NOON - timedelta(hours=2)
    little = found(ML, step="hour", start=begun, end=begun + timedelta(hours=1), detected_on=begun, severity="low")
    assert ((little.id,), ()) == ((done := settle(engine, look(little, series={"hour": 3}, known_until={"hour": NOON}))).opened, done.told)


def test_acknowledging_twice_changes_it_once_and_the_message_is_edited(engine: Engine) -> None:
    settle(engine, look(Group(SPIKE, (found(OPUS, excess=20),))))
    assert acknowledge(engine, SPIKE.id, ANA, NOON, TODAY).happened
    late = acknowledge(engine, SPIKE.id, BRUNO, NOON, TODAY)
    assert (False, f"{SPIKE.id} is acknowledged already, by {ANA} at 2026-11-21 12:00Z") == (late.happened, late.said)
    assert ("acknowledged", 1) == (state(engine, found(OPUS).id), len(letters(engine, "update")))


def test_what_was_acknowledged_is_told_again_when_it_grows(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    acknowledge(engine, SPIKE.id, ANA, NOON, TODAY)
    settle(engine, look(grown(SPIKE, 120), at=NOON + DAY))
    assert "acknowledged" == state(engine)
    settle(engine, look(grown(SPIKE, 200), at=NOON + 2 * DAY))
    assert ("growing", 1) == (state(engine), len(letters(engine, "thread")))


def test_expected_needs_a_reason_and_a_day_to_come(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    with pytest.raises(UserError, match="say what was planned"):
        expect(engine, SPIKE.id, ANA, NOON, TODAY, " ")
    with pytest.raises(UserError, match="2026-11-20 is over; expect it until a later day"):
        expect(engine, SPIKE.id, ANA, NOON, TODAY, "a launch", "until", TODAY)


def test_what_is_expected_until_a_day_begins_as_expected_before_it_and_open_after_it(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    expect(engine, SPIKE.id, ANA, NOON, TODAY, "a load test", "until", TODAY + 5 * DAY)
    before, after = (replace(found(OPUS, start=TODAY + days * DAY), detected_on=TODAY + days * DAY) for days in (2, 7))
    assert () == settle(engine, look(before, at=NOON + 3 * DAY)).told
    assert ("expected", "a load test") == (state(engine, before.id), anomaly(engine, before.id).case.reason)
    assert (after.id,) == settle(engine, look(after, at=NOON + 8 * DAY)).told


def test_what_goes_on_after_it_was_expected_is_told_again(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    expect(engine, SPIKE.id, ANA, NOON, TODAY, "a load test", "until", TODAY + 2 * DAY)
    settle(engine, look(grown(SPIKE, 110), at=NOON + DAY))
    assert "expected" == state(engine)
    settle(engine, look(grown(SPIKE, 120), at=NOON + 2 * DAY))
    assert ("growing", 1) == (state(engine), len(letters(engine, "thread")))


def test_after_not_useful_the_same_size_is_not_told_again_in_that_scope_and_more_is(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    assert not_useful(engine, SPIKE.id, ANA, NOON, TODAY).happened
    assert ("resolved", "not useful") == (state(engine), said(engine)[0].verdict)
    same, inner, larger = (found(key, TODAY + 2 * DAY, excess) for key, excess in ((ML, 100), (OPUS, 90), ((("feature", "x"), *ML), 300)))
    assert (larger.id,) == settle(engine, look(same, inner, larger, at=NOON + 3 * DAY)).told
    other = found((("team", "search"),), TODAY + 2 * DAY)
    assert (other.id,) == settle(engine, look(other, at=NOON + 3 * DAY + timedelta(hours=1))).told


def test_not_useful_is_said_once_by_each_person_and_does_not_come_back_by_itself(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    assert [True, False, True] == [not_useful(engine, SPIKE.id, who, NOON, TODAY).happened for who in (ANA, ANA, BRUNO)]
    settle(engine, look(SPIKE, at=NOON + DAY))
    assert "resolved" == state(engine)


def test_investigating_answers_once_in_the_thread(engine: Engine) -> None:
    settle(engine, look(SPIKE))
    assert [True, False] == [investigate(engine, SPIKE.id, ANA, NOON).happened for _ in range(2)]
    assert [f"anomaly:{SPIKE.id}:why:2026-11-21"] == letters(engine, "thread")


def test_an_anomaly_there_is_not_says_where_they_are_listed(engine: Engine) -> None:
    with pytest.raises(UserError, match="there is no anomaly 'A-ffffffffff'; /cost anomalies lists them"):
        anomaly(engine, "A-ffffffffff")


def test_two_workers_that_found_the_same_tell_it_once(engine: Engine, state_url: str) -> None:
    other = open_state(state_url)
    start = threading.Barrier(2)
    told: list[tuple[str, ...]] = []

    def work(on: Engine) -> None:
        start.wait()
        told.append(settle(on, look(SPIKE)).told)

    threads = [threading.Thread(target=work, args=(on,)) for on in (engine, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.dispose()
    assert [(), (SPIKE.id,)] == sorted(told)
    assert 1 == len(letters(engine, "post"))


def test_of_many_who_click_at_once_one_acknowledges(engine: Engine, state_url: str) -> None:
    settle(engine, look(SPIKE))
    start, happened = threading.Barrier(6), list[bool]()

    def click(number: int) -> None:
        start.wait()
        happened.append(acknowledge(engine, SPIKE.id, f"U{number}", NOON, TODAY).happened)

    threads = [threading.Thread(target=click, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 == sum(happened)
    assert [ROUTE] == [one.route for one in kept(engine, NOON)]
