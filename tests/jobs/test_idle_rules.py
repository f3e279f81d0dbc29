"""A rule that watches for idle GPUs: from samples to exactly the machines that a lever would stop."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from finops.configuration.rulebook_steps import Propose
from finops.guard.findings import Finding
from finops.guard.proposing import hourly_cost, targets_of
from finops.ledger.tables_effects import effects
from finops.ledger.tables_proposals import proposals
from finops.periods import Period
from jobs.replaying import replay
from tests.capacity.idle_case import NOON, Rack, arn
from tests.jobs.watched_case import Watch, watching

RULES = """
rules: [{name: idle, when: {idle_gpu: 2h}, then: {lever: aws.stop_instances}, at_most: 3 per day}]
guard: {max_targets: 2}
"""
STOP = Propose("aws.stop_instances", {})
INSTANCES = [f"i-{number:017x}" for number in range(4)]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with watching(tmp_path, "", RULES) as made:
        yield made


@pytest.fixture
def rack(watch: Watch, tmp_path: Path) -> Rack:
    folder = tmp_path / "samples"
    folder.mkdir()
    return Rack(watch.tools.ledger, folder)


def idle(rack: Rack, *numbers: int, busy: int | None = None) -> None:
    for number in numbers:
        rack.gpu(f"GPU-{number}", f"node-{number}", 90 if number == busy else 1)
        rack.node(f"node-{number}", INSTANCES[number])
    rack.put()


def found(watch: Watch) -> Finding:
    (alert,) = watch.alerts()
    return alert.finding


def test_idle_machines_are_found_with_what_they_cost_and_become_the_levers_targets(watch: Watch, rack: Rack) -> None:
    idle(rack, 0, 1, busy=1)
    rack.bill(INSTANCES[0], "3.00")
    watch.check(NOON)
    finding = found(watch)
    assert "1 GPU on 1 machine did nothing for 2h: node-0." == finding.title
    assert (arn(INSTANCES[0]),) == targets_of(finding, STOP)
    assert ("3.000000", "USD") == (f"{(hourly_cost(finding) or (0,))[0]:f}", (hourly_cost(finding) or (0, ""))[1])
    assert "1 × A100, at most 1.0 % busy, 100 % of the time seen, 3.00 USD an hour" == finding.facts["node-0"]
    (machine,) = finding.evidence["machines"]
    assert ("DCGM_FI_DEV_GPU_UTIL", 0.01, 1.0, 2.0) == tuple(machine[name] for name in ("metric", "max", "coverage", "hours"))
    assert [("idle", "aws.stop_instances")] == watch.proposed


def test_no_more_than_one_plan_may_move_are_aimed_at_the_costliest_first(watch: Watch, rack: Rack) -> None:
    idle(rack, 0, 1, 2)
    for number, hourly in enumerate(("1.00", "3.00", "2.00")):
        rack.bill(INSTANCES[number], hourly)
    watch.check(NOON)
    finding = found(watch)
    assert (arn(INSTANCES[1]), arn(INSTANCES[2])) == targets_of(finding, STOP)
    assert "5.000000" == finding.evidence["hourly_cost"]
    assert "2 of 3, the costliest; one plan moves no more" == finding.facts["Can be stopped"]


def test_busy_machines_are_nothing_and_unknown_ones_are_said(watch: Watch, rack: Rack) -> None:
    assert "there are no fresh samples of GPUs" in watch.check(NOON)
    rack.gpu("GPU-7", "short", minutes=range(1, 30))
    rack.put()
    assert "too little is known to call short idle for 2h" in watch.check(NOON)
    assert [] == watch.alerts()


def test_it_is_over_when_the_gpus_work_again_and_not_when_their_samples_stop(watch: Watch, rack: Rack) -> None:
    idle(rack, 0)
    watch.check(NOON)
    watch.check(NOON + timedelta(hours=1))
    assert ["open"] == [alert.state for alert in watch.alerts()]
    rack.end = NOON + timedelta(hours=3)
    idle(rack, 0, busy=0)
    watch.check(rack.end)
    assert ["resolved"] == [alert.state for alert in watch.alerts()]


def stopped(watch: Watch, *targets: str) -> None:
    """A proposal in force that was made for the alert and stopped these."""
    (alert,) = watch.alerts()
    plan = {"finding": alert.finding.key, "lever": STOP.lever, "plan": "{}", "digest": "d", "policy": "{}", "requester": "U1"}
    times = dict.fromkeys(("created_at", "expires_at", "changed_at"), NOON)
    with watch.tools.ledger.engine.begin() as tx:
        tx.execute(insert(proposals).values(number=12, state="active", version=4, route="slack:#ml", **plan, **times))
        for position, target in enumerate(targets):
            moved = {"proposal": 12, "position": position, "target": target, "state": "applied"}
            tx.execute(insert(effects).values(attempts=1, changed_at=NOON, **moved))


def test_it_is_over_when_all_its_machines_were_stopped_since_these_send_no_samples_any_more(watch: Watch, rack: Rack) -> None:
    idle(rack, 0, 1)
    for number in (0, 1):
        rack.bill(INSTANCES[number], "3.00")
    watch.check(NOON)
    stopped(watch, arn(INSTANCES[0]), arn(INSTANCES[1]))
    watch.check(NOON + timedelta(minutes=5))
    assert ["open"] == [alert.state for alert in watch.alerts()]  # the last samples still say idle
    said = watch.check(NOON + timedelta(minutes=30))
    assert [("resolved", "It is settled: P-12 moved all that it tells of.")] == [(one.state, one.reason) for one in watch.alerts()]
    assert "no fresh samples" not in said


def test_it_stays_while_one_of_its_machines_was_left_running(watch: Watch, rack: Rack) -> None:
    idle(rack, 0, 1)
    for number in (0, 1):
        rack.bill(INSTANCES[number], "3.00")
    watch.check(NOON)
    stopped(watch, arn(INSTANCES[0]))
    assert "there are no fresh samples of GPUs" in watch.check(NOON + timedelta(minutes=30))
    assert ["open"] == [alert.state for alert in watch.alerts()]


def test_rules_test_replays_what_the_samples_said_that_day(watch: Watch, rack: Rack) -> None:
    rack.end = NOON.replace(hour=23, minute=59) + timedelta(minutes=1)
    idle(rack, 0)
    days = list(replay(watch.tools.ledger, watch.tools.rulebook, Period(date(2026, 11, 20), date(2026, 11, 23))))
    fired = {one.day: [firing.finding.title for firing in one.fired] for one in days if one.fired}
    assert {date(2026, 11, 21): ["1 GPU on 1 machine did nothing for 2h: node-0."]} == fired
