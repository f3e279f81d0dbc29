"""`/cost anomalies …` and the job beside it, from bills with one spike to what is told and clicked."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.anomalies_verb import told_of
from bot.anomaly_message import content, render, render_why
from bot.assemble import Tools, assemble
from bot.commands import reply
from bot.replies import Asking, TextReply
from finops.errors import QueryError
from finops.ledger.anomalies import acknowledge, anomaly, expect, kept, listed_with
from finops.ledger.spotting import spot
from finops.ledger.tables_outbox import outbox
from finops.periods import Period
from finops.query import CostQuery
from finops.telling.anomaly_words import gravest
from finops.telling.drawings import Course
from jobs.registry import Tools as JobTools
from jobs.registry import find
from jobs.replaying import replay
from tests.ledger.bills import Charge, deliver
from tests.ledger.test_spotting import LATELY, MADE, SPIKE, UNTIL, bill

BUDGETS = """
budgets:
  - {name: ml, scope: team=ml, monthly: 5000, owner: "@ana", channel: "#ml"}
  - {name: all, monthly: 90000, channel: "#everybody"}
"""
RULES = """
rules:
  - {name: odd-day, when: {anomaly: {severity: low, grain: day}}, who: {team: ml}, then: {lever: gateway, fallback: {a: b}, for: 1h}}
"""
DAY = timedelta(days=1)
KEYS = {"id", "scope", "start", "end", "grain", "kind", "expected", "actual", "excess", "severity", "state", "detected_on", "drivers"}
FOUND_ON = UNTIL - 13 * DAY  # the bill of a day is complete two days after it


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    (tmp_path / "budgets.yaml").write_text(BUDGETS)
    (tmp_path / "rules.yaml").write_text(RULES)
    with assemble(tmp_path, {"FINOPS_THREADS": "1"}, now=lambda: UNTIL) as tools:
        deliver(tools.ledger, bill(), at=MADE)
        yield tools


def told(tools: Tools, text: str, *, chart: bool = False) -> TextReply:
    said = reply(tools, text, Asking("ana", UNTIL, chart=chart))
    assert isinstance(said, TextReply)
    return said


def look(tools: Tools) -> str:
    return find("spot-anomalies").work(JobTools(tools.ledger, FOUND_ON, tools.settings, tools.rulebook))


@pytest.fixture
def early(tmp_path: Path) -> Iterator[Tools]:
    """The bill as it was when the day was complete, looked through by the job."""
    (tmp_path / "budgets.yaml").write_text(BUDGETS)
    with assemble(tmp_path, {"FINOPS_THREADS": "1"}, now=lambda: FOUND_ON) as tools:
        deliver(tools.ledger, bill(last=SPIKE), at=FOUND_ON)
        yield tools


def only(document: dict[str, Any]) -> dict[str, Any]:
    (found,) = document["anomalies"]
    assert isinstance(found, dict)
    return found


def test_scripts_get_every_key_of_the_contract(tools: Tools) -> None:
    document = told(tools, "anomalies last 30d").document
    found = only(document)
    assert KEYS <= set(found)
    assert ({"service": ["Compute"], "team": ["ml"]}, "2026-05-20", "2026-05-21") == (found["scope"], found["start"], found["end"])
    assert ("day", "spike", "resolved") == (found["grain"], found["kind"], found["state"])
    assert document["series_checked"] >= 11
    assert found["drivers"][0].keys() == {"key", "excess", "share"}


def test_one_sentence_comes_first_and_freshness_last(tools: Tools) -> None:
    lines = told(tools, "anomalies last 30d").lines
    assert lines[0].startswith("1 anomaly in ")
    assert "The largest: service=Compute team=ml cost $" in lines[0]
    assert lines[0].endswith(": a spike.")
    assert "Data as of 4 Jun 00:00 UTC · complete through 31 May" == lines[-1]


def test_the_chart_marks_the_day(tools: Tools) -> None:
    drawn = told(tools, "anomalies last 30d", chart=True).drawing
    assert isinstance(drawn, Course)
    assert [SPIKE] == [drawn.steps[mark.first] for mark in drawn.marks]


def test_one_is_told_in_full_by_its_id(tools: Tools) -> None:
    identity = only(told(tools, "anomalies last 30d").document)["id"]
    said = told(tools, f"anomalies {identity.upper()}")
    assert (f"Anomaly {identity}", identity) == (said.title, only(said.document)["id"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("A-ffffffffff", "there is no anomaly A-ffffffffff in the last 90 days"),
        ("A-12", "A-12 is an alert, not an anomaly"),
        ("last 30d by=team", "leave by=team out"),
        ("tem=ml", "tem"),
        ("count=team", "leave count=team out"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_sentence(tools: Tools, text: str, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        told(tools, f"anomalies {text}")


def test_nothing_out_of_the_ordinary_says_in_how_many_series(tools: Tools) -> None:
    said = told(tools, "anomalies team=search last 30d")
    assert [] == said.document["anomalies"]
    assert said.lines[0].startswith("Nothing is out of the ordinary in ")


def test_the_job_tells_the_channel_of_the_budget_once_and_the_verb_shows_what_was_said(early: Tools) -> None:
    assert "1 told" in look(early)
    assert "0 told" in look(early)
    with early.ledger.engine.connect() as connection:
        letters = [(row.route, row.kind) for row in connection.execute(select(outbox))]
    assert [("slack:#ml", "post")] == letters
    identity = next(one.id for one in kept(early.ledger.engine, FOUND_ON) if one.route)
    expect(early.ledger.engine, identity, "U0ANA00001", FOUND_ON, FOUND_ON.date(), "a load test")
    found = only(reply(early, "anomalies", Asking("ana", FOUND_ON)).document)
    assert (identity, "expected", "a load test", "U0ANA00001") == tuple(found[key] for key in ("id", "state", "reason", "by"))


def test_a_spike_within_a_shift_is_listed_beside_it_under_a_name_of_its_own(tmp_path: Path) -> None:
    """The job has seen the shift alone; a week into it a day costs three times as much again."""
    (tmp_path / "budgets.yaml").write_text(BUDGETS)
    with assemble(tmp_path, {"FINOPS_THREADS": "1"}, now=lambda: UNTIL) as tools:
        shifted = bill(times=2, day=date(2026, 5, 10), days=22)
        early = datetime(2026, 5, 15, 12, tzinfo=UTC)
        deliver(tools.ledger, [each for each in shifted if each.day < date(2026, 5, 14)], at=early)
        find("spot-anomalies").work(JobTools(tools.ledger, early, tools.settings, tools.rulebook))
        spiked = [replace(each, billed="700") if each.day == SPIKE and is_ml(each) else each for each in shifted]
        deliver(tools.ledger, spiked, at=MADE)
        found = told(tools, "anomalies team=ml service=Compute last 30d").document["anomalies"]
    assert [("shift", "2026-05-10"), ("spike", str(SPIKE))] == sorted((one["kind"], one["start"]) for one in found)
    assert 2 == len({one["id"] for one in found})


def test_the_gravest_are_shown_and_the_largest_of_these(tools: Tools) -> None:
    (one,) = told_of(tools, spot(tools.ledger, tools.rulebook, LATELY, UNTIL), CostQuery(LATELY), Asking("ana", UNTIL))
    low, medium, high = (replace(one, anomaly=replace(one.anomaly, severity=severity)) for severity in ("low", "medium", "high"))
    assert [medium, high] == gravest([low, medium, high], 2)
    assert [medium, high, low] == gravest([medium, high, low, low], 3)


def is_ml(charge: Charge) -> bool:
    return (charge.team, charge.service) == ("ml", "Compute")


def test_the_message_shows_the_course_the_drivers_and_the_true_state(early: Tools) -> None:
    look(early)
    identity = next(one.id for one in kept(early.ledger.engine, FOUND_ON) if one.route)
    first = render(early, identity)
    assert ["section", "data_visualization", "section", "section", "context", "actions"] == [each["type"] for each in first.blocks]
    assert 20 == len(first.blocks[1]["chart"]["axis_config"]["categories"])
    assert "20 May !" == first.blocks[1]["chart"]["axis_config"]["categories"][-1]
    acknowledge(early.ledger.engine, identity, "U0ANA00001", FOUND_ON, FOUND_ON.date())
    one = anomaly(early.ledger.engine, identity)
    again = content(one, listed_with(early.ledger.engine, identity), FOUND_ON.date())
    assert "Acknowledged by <@U0ANA00001>" in again.text
    assert ["anomaly.expect", "anomaly.useless", "anomaly.investigate"] == [each["action_id"] for each in again.blocks[-1]["elements"]]


def test_investigating_answers_with_the_why_as_sentence_and_table(early: Tools) -> None:
    look(early)
    identity = next(one.id for one in kept(early.ledger.engine, FOUND_ON) if one.route)
    why = render_why(early, identity)
    assert "Compute" in why.text
    assert "data_table" in [each["type"] for each in why.blocks]


def test_a_rule_on_anomalies_is_replayed_on_the_days_it_would_have_fired(tools: Tools) -> None:
    found = list(replay(tools.ledger, tools.rulebook, Period(date(2026, 5, 15), date(2026, 5, 25))))
    fired = [
        (day.day, firing.finding.kind, firing.finding.unit) for day in found for firing in day.fired if firing.finding.rule == "odd-day"
    ]
    assert [(SPIKE, "anomaly", "USD")] == fired


def test_a_value_nobody_has_is_named_and_one_in_other_capitals_is_found(tools: Tools) -> None:
    assert "There is no team 'nobody' in the ledger." in told(tools, "anomalies team=nobody last 30d").lines
    assert only(told(tools, "anomalies team=ML last 30d").document) == only(told(tools, "anomalies team=ml last 30d").document)
