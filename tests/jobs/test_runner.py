"""Each period runs once: whoever is late, dies, fails, hangs or wakes up again."""

import logging
from datetime import datetime, timedelta

import pytest

from finops.errors import SourceError, UserError
from finops.ledger import runs, troubles
from jobs.registry import CatchUp
from jobs.runner import ATTEMPTS
from tests.jobs.conftest import NOON, ZONE, Bench

TODAY = "2026-11-21"


def test_a_slot_runs_once_and_tells_its_result(bench: Bench) -> None:
    job, here, there = bench.job(), bench.runner(), bench.runner()
    bench.once(here, job)
    assert bench.once(there, job) is None
    assert bench.once(here, job) is None
    assert [(TODAY, 1, "done", f"ran for {TODAY} at 21 12:00")] == bench.told()


def test_while_one_process_runs_it_no_other_does(bench: Bench) -> None:
    job = bench.job(every="1h")
    claim = bench.runner().take_due(job, ZONE)
    bench.clock.forward(minutes=1)
    assert claim is not None
    assert bench.runner().take_due(job, ZONE) is None


def test_a_dead_process_loses_the_slot_when_its_lease_ends(bench: Bench) -> None:
    job = bench.job()
    bench.runner().take_due(job, ZONE)
    bench.clock.forward(seconds=119)
    assert bench.once(bench.runner(), job) is None
    bench.clock.forward(seconds=1)
    bench.once(bench.runner(), job)
    assert [
        (TODAY, 1, "lost", "the process that ran it ended without a word"),
        (TODAY, 2, "done", f"ran for {TODAY} at 21 12:02"),
    ] == bench.told()


def test_who_wakes_up_after_the_lease_was_taken_records_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    job, sleeper = bench.job(), bench.runner()
    claim = sleeper.take_due(job, ZONE)
    assert claim is not None
    bench.clock.forward(minutes=3)
    bench.once(bench.runner(), job)
    assert sleeper.run(job, claim, ZONE) is False
    assert not runs.renew(bench.tools.ledger.engine, claim, bench.clock.now)
    assert not sleeper.hand_back(claim)
    assert ["lost", "done"] == [state for _, _, state, _ in bench.told()]
    assert "after its lease was lost" in caplog.text


def test_a_lease_that_is_renewed_is_not_taken(bench: Bench) -> None:
    job = bench.job()
    claim = bench.runner().take_due(job, ZONE)
    assert claim is not None
    bench.clock.forward(seconds=100)
    assert runs.renew(bench.tools.ledger.engine, claim, bench.clock.now + timedelta(minutes=2))
    bench.clock.forward(seconds=100)
    assert bench.runner().take_due(job, ZONE) is None


def test_a_failure_is_tried_again_with_longer_waits_and_then_given_up(bench: Bench) -> None:
    job, began = bench.job(fails=SourceError("the bucket does not answer (hush)")), bench.clock.now
    tried: list[float] = []
    while bench.clock.now < began + timedelta(hours=2):
        if bench.once(bench.runner(), job):
            tried.append((bench.clock.now - began).total_seconds() / 60)
        bench.clock.forward(seconds=30)
    assert [0, 1, 6, 21] == tried
    assert [(TODAY, attempt, "failed", "the bucket does not answer (•••)") for attempt in range(1, ATTEMPTS + 1)] == bench.told()
    trouble = troubles.current(bench.tools.ledger.engine)["count-beans"]
    assert (began, f"It is not tried again for {TODAY}; the next run is due 2026-11-22 05:30Z.") == (trouble.since, trouble.next_step)


def test_the_next_slot_goes_before_another_attempt_at_the_last(bench: Bench) -> None:
    bench.once(bench.runner(), bench.job(every="1m", fails=SourceError("no")))
    assert "It is not tried again" in troubles.current(bench.tools.ledger.engine)["count-beans"].next_step
    bench.clock.forward(minutes=1)
    bench.once(bench.runner(), bench.job(every="1m"))
    assert ["2026-11-21T12:00Z", "2026-11-21T12:01Z"] == bench.ran
    assert {} == troubles.current(bench.tools.ledger.engine)


def test_what_nobody_expected_gets_a_number_and_its_traceback_stays_in_the_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.once(bench.runner(), bench.job(fails=ZeroDivisionError("secret figures")))
    assert [(TODAY, 1, "failed", "unexpected ZeroDivisionError; the log has it under 4711")] == bench.told()
    assert [True] == [bool(record.exc_info) for record in caplog.records if record.levelno == logging.ERROR]


def test_a_process_that_dies_each_time_is_given_up(bench: Bench) -> None:
    job = bench.job()
    for _ in range(ATTEMPTS + 3):
        bench.runner().take_due(job, ZONE)
        bench.clock.forward(minutes=3)
    assert ["lost"] * ATTEMPTS == [state for _, _, state, _ in bench.told()]
    assert "It is not tried again" in troubles.current(bench.tools.ledger.engine)["count-beans"].next_step


def test_after_downtime_the_newest_slot_runs_and_the_older_are_noted(bench: Bench) -> None:
    job = bench.job()
    bench.once(bench.runner(), job)
    bench.clock.forward(days=4)
    bench.once(bench.runner(), job)
    assert [TODAY, "2026-11-25"] == bench.ran
    assert ("2026-11-22…2026-11-24", 0, "skipped", "3 missed and left out") in bench.told()


def test_after_downtime_each_slot_runs_in_order_as_of_its_own_instant(bench: Bench) -> None:
    job = bench.job(catch_up="each")
    bench.once(bench.runner(), job)
    bench.clock.forward(days=3)
    while bench.once(bench.runner(), job):
        pass
    assert [TODAY, "2026-11-22", "2026-11-23", "2026-11-24"] == bench.ran
    assert "ran for 2026-11-22 at 22 05:30" in [said for _, _, _, said in bench.told()]


def test_catching_up_each_is_bounded(bench: Bench) -> None:
    job = bench.job(catch_up="each", every="1m")
    bench.once(bench.runner(), job)
    bench.clock.forward(hours=3)
    while bench.once(bench.runner(), job):
        pass
    assert 101 == len(bench.ran)
    assert ("2026-11-21T12:01Z…2026-11-21T13:20Z", 0, "skipped", "80 missed and left out") in bench.told()


def test_a_slot_that_waits_to_be_repeated_holds_up_the_later_ones_of_a_job_that_takes_each(bench: Bench) -> None:
    bench.once(bench.runner(), bench.job(catch_up="each", every="1m", fails=SourceError("no")))
    bench.clock.forward(seconds=59)
    assert bench.once(bench.runner(), bench.job(catch_up="each", every="1m")) is None
    bench.clock.forward(seconds=1)
    while bench.once(bench.runner(), bench.job(catch_up="each", every="1m")):
        pass
    assert ["2026-11-21T12:00Z", "2026-11-21T12:00Z", "2026-11-21T12:01Z"] == bench.ran


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=40), timedelta(days=-40)])
def test_a_clock_that_jumps_and_comes_back_repeats_nothing_and_loses_nothing(bench: Bench, jump: timedelta) -> None:
    job = bench.job()
    for at in [NOON, NOON + jump, NOON, NOON + timedelta(days=1)]:
        bench.clock.now = at
        bench.once(bench.runner(), job)
    assert sorted(set(bench.ran)) == sorted(bench.ran)
    assert {TODAY, "2026-11-22"} <= set(bench.ran)


@pytest.mark.parametrize("catch_up", ["latest", "each"])
def test_a_lease_given_by_a_clock_that_was_far_ahead_holds_up_nobody(bench: Bench, catch_up: CatchUp) -> None:
    job = bench.job(catch_up=catch_up)
    bench.clock.forward(days=40)
    assert bench.runner().take_due(job, ZONE)
    bench.clock.forward(days=-40)
    while bench.once(bench.runner(), job):
        pass
    assert TODAY in bench.ran


def test_a_slot_handed_back_runs_elsewhere_at_once_and_costs_no_attempt(bench: Bench) -> None:
    job, here = bench.job(), bench.runner()
    claim = here.take_due(job, ZONE)
    assert claim is not None
    assert here.hand_back(claim)
    bench.once(bench.runner(), job)
    assert [(TODAY, 1, "released", "the process was stopped"), (TODAY, 1, "done", f"ran for {TODAY} at 21 12:00")] == bench.told()
    assert {} == troubles.current(bench.tools.ledger.engine)


def test_another_schedule_for_the_same_day_does_not_run_it_again(bench: Bench) -> None:
    bench.once(bench.runner(), bench.job(daily="06:30"))
    assert bench.once(bench.runner(), bench.job(daily="12:30")) is None
    assert [TODAY] == bench.ran


def test_a_run_by_hand_has_a_record_of_its_own_and_leaves_the_slot_alone(bench: Bench) -> None:
    job, runner = bench.job(), bench.runner()
    run = runner.by_hand(job, datetime(2026, 3, 1, tzinfo=NOON.tzinfo))
    assert ("done", "ran for manual:2026-11-21T12:00:00.000000Z at 01 00:00") == (run.state, run.result)
    runner.by_hand(job, NOON)
    bench.once(runner, job)
    assert TODAY == bench.ran[-1]
    assert 3 == len(bench.told())


def test_a_run_by_hand_that_fails_says_so_and_alarms_nobody(bench: Bench) -> None:
    with pytest.raises(SourceError, match="the bucket is empty"):
        bench.runner().by_hand(bench.job(fails=SourceError("the bucket is empty")), NOON)
    assert ["failed"] == [state for _, _, state, _ in bench.told()]
    assert {} == troubles.current(bench.tools.ledger.engine)


def test_a_run_by_hand_waits_for_nobody_but_says_who_runs_it(bench: Bench) -> None:
    job = bench.job()
    bench.runner().take_due(job, ZONE)
    with pytest.raises(UserError) as problem:
        bench.runner().by_hand(job, NOON)
    assert f"count-beans is running already (for {TODAY}, in host:1); try again when it is done, at the latest after 12:02:00Z" == str(
        problem.value
    )


def test_old_records_are_dropped_and_the_newest_of_each_job_stays(bench: Bench) -> None:
    job, engine = bench.job(), bench.tools.ledger.engine
    for _ in range(3):
        bench.once(bench.runner(), job)
        bench.clock.forward(days=1)
    assert 0 == runs.forget(engine, bench.clock.now)
    bench.clock.forward(days=90)
    assert 4 == runs.forget(engine, bench.clock.now)
    assert ["2026-11-23"] == [period for period, *_ in bench.told()]
