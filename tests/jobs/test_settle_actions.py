"""The job that settles actions, as the scheduler and the levers see it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from finops.configuration.levers import LEVERS
from finops.configuration.rulebook_approvals import Guard
from finops.errors import FinopsError
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.proposals import proposal
from finops.ledger.state import open_state
from finops.rulebook import Rulebook
from finops.settings import read
from jobs.acting import hands, levers
from jobs.registry import Tools, find
from jobs.settle_actions import settle_actions
from tests.ledger.proposed import ANA, NOON, click, proposed


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    settings = replace(read({}, tmp_path), slack_alerts_channel="C0ALERTS01", fallback_routes=("pagerduty:ops",))
    ledger = Ledger(open_state(f"sqlite:///{tmp_path}/state.sqlite"), tmp_path, DuckFacts(tmp_path, threads=1), Terms())
    yield Tools(ledger, NOON, settings, Rulebook(guard=Guard(dry_run=False)))
    ledger.close()


def test_it_runs_every_minute() -> None:
    job = find("settle-actions")
    assert ("every 1m", "latest") == (job.when, job.catch_up)


def test_it_has_every_lever_that_a_rule_can_name(tools: Tools) -> None:
    found = levers(tools.ledger, tools.settings, lambda: tools.rulebook.guard, lambda: NOON)
    assert sorted(LEVERS) == sorted(found)
    assert ("slack:C0ALERTS01", "pagerduty:ops") == hands(tools.ledger, tools.settings, Guard, lambda: NOON, "x").alarms


def test_with_nothing_to_do_it_says_so(tools: Tools) -> None:
    assert "nothing to settle" == settle_actions(tools)


def test_what_nobody_decided_in_time_expires(tools: Tools) -> None:
    one = proposed(tools.ledger.engine)
    assert "P-1 is expired, by clock at 2026-11-22 12:00Z" == settle_actions(replace(tools, now=NOON + timedelta(days=1)))
    assert "expired" == proposal(tools.ledger.engine, one.id).state


def test_a_plan_that_gateways_would_not_understand_is_superseded(tools: Tools) -> None:
    one = proposed(tools.ledger.engine)
    click(tools.ledger.engine, one, ANA)
    assert "P-1 is superseded" in settle_actions(tools)


def test_what_could_not_be_settled_fails_the_job_so_that_people_hear_of_it(tools: Tools) -> None:
    one = proposed(tools.ledger.engine)
    click(tools.ledger.engine, one, ANA)

    def broken(_: Rulebook) -> Guard:
        raise RuntimeError("no guard")

    rulebook = type("Broken", (Rulebook,), {"guard": property(broken)})
    with pytest.raises(FinopsError, match="not everything could be settled: P-1: unexpected RuntimeError"):
        settle_actions(replace(tools, rulebook=object.__new__(rulebook)))
