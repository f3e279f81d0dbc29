"""Why as people meet it: `/cost why …`, the button under an answer, an anomaly's id, wrong questions, and the command line."""

import json
import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.assemble import Tools
from bot.cli import main
from bot.replies import Asking
from bot.why_verb import told
from finops.ledger.spotting import spot
from finops.periods import DAY, Period
from tests.flows.conftest import NOW, YESTERDAY
from tests.flows.slack import BRUNO, Slack, kinds, question_id, words

Json = dict[str, object]


def test_a_change_is_told_in_a_sentence_a_picture_and_two_tables(slack: Slack) -> None:
    message = slack.type("/cost why team=ml last 7d")
    said = words(message)
    assert "Cost of team=ml " in said
    assert ["section", "image", "data_table", "data_table"] == kinds(message)
    assert "What moved" in json.dumps(message["blocks"])
    assert "By which effect" in json.dumps(message["blocks"])
    assert "Data as of" in said


def test_the_button_under_an_answer_tells_why_below_it(slack: Slack) -> None:
    answer = slack.type("/cost team=ml last 7d by=model")
    with slack.new(BRUNO) as seen:
        assert slack.click(answer, "why", value=question_id(answer))["acked"]
    assert words(seen[0]).splitlines()[1:] == words(slack.type("/cost why team=ml last 7d")).splitlines()[1:]
    assert answer in slack.messages(BRUNO)


def test_an_answer_that_compares_with_nothing_has_no_such_button(slack: Slack) -> None:
    compared, alone = (json.dumps(slack.type(f"/cost team=ml last 7d{more}")["blocks"]) for more in ("", " vs none"))
    assert (True, False) == ('"Why?"' in compared, '"Why?"' in alone)


def test_an_answer_is_still_replayed_by_its_id(slack: Slack) -> None:
    identity = question_id(slack.type("/cost team=ml last 7d"))
    said = slack.ask(f"why {identity.lower()}")
    assert f"Why {identity}" in said
    assert "Asked: team=ml " in said


def test_an_anomaly_is_explained_by_its_id(slack: Slack, tools: Tools) -> None:
    today = YESTERDAY + DAY
    found = spot(tools.ledger, tools.rulebook, Period(today - timedelta(days=30), today + DAY), NOW).groups[0].driver
    said = slack.ask(f"why {found.id}")
    assert "than expected" in said
    document = told(tools, found, Asking("test", NOW)).document
    change = Decimal(document["change"])
    assert abs(float(change) - found.excess) < 0.01
    assert change == sum(map(Decimal, document["effects"].values()))
    assert change == sum((Decimal(one["excess"]) for one in document["drivers"]), Decimal(document["other"]))


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("why tem=ml last 7d", "Did you mean 'team'?"),
        ("why tem=ml last 7d", "why team=ml last 7d"),
        ("why team=mll last 7d", "There is no team 'mll' in the ledger; did you mean 'ml'?"),
        ("why last 7d vs none", "why needs two periods to compare"),
        ("why last 7d count=user", "leave count=user out"),
        ("why A-12", "A-12 is an alert, of which audit tells"),
        ("why P-3", "P-3 is a proposal, of which audit tells"),
        ("why A-12x", "is no id of an anomaly"),
        ("why A-0000000000", "there is no anomaly A-0000000000 in the last 90 days"),
        ("why Q-ZZZZZZZZ", "there is no question Q-ZZZZZZZZ"),
        ("why 2019-03", "since the ledger begins on"),
    ],
)
def test_a_wrong_question_says_what_would_work(question: str, said: str, slack: Slack) -> None:
    assert said in slack.ask(question)


def test_capitals_are_forgiven(slack: Slack) -> None:
    assert slack.ask("why team=ML last 7d") == slack.ask("why team=ml last 7d")


def test_the_command_line_prints_one_document_that_adds_up(
    tools: Tools, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("SLACK_", "FINOPS_"))]:
        monkeypatch.delenv(name)
    run = ["--as-of", NOW.date().isoformat(), "--config", str(tools.config)]
    assert 0 == main(["ask", "why last month by=service", "--json", *run])
    found = json.loads(capsys.readouterr().out)
    assert Decimal(found["change"]) == Decimal(found["to"]) - Decimal(found["from"])
    assert Decimal(found["change"]) == sum(map(Decimal, found["effects"].values()))
    assert Decimal(found["change"]) == sum((Decimal(one["excess"]) for one in found["drivers"]), Decimal(found["other"]))
    assert {"service"} == {name for one in found["drivers"] for name in one["values"]}
    assert all(found[name] for name in ("sentence", "as_of", "loads"))


def test_the_command_line_saves_the_picture_and_refuses_in_one_sentence(
    tools: Tools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["--as-of", NOW.date().isoformat(), "--config", str(tools.config)]
    assert 0 == main(["ask", "why team=ml last 7d", "--chart", str(tmp_path / "why.png"), *run])
    assert "what moved" in capsys.readouterr().out
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")
    assert 2 == main(["ask", "why last 7d vs none", *run])
    assert capsys.readouterr().err.startswith("why needs two periods to compare")
