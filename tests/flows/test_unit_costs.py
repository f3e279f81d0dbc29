"""`unit …` in the terminal, from files of events and orders to what a request and an order cost."""

import json
from pathlib import Path

import pytest

from bot.cli import main

EVENTS = [
    {"request_id": "a1", "input_tokens": 1000, "cache_read_tokens": 400, "output_tokens": 100, "team": "ml", "user": "u1", "session": "s1"},
    {"request_id": "a2", "input_tokens": 1000, "output_tokens": 100, "team": "search", "user": "u2"},
]
ORDERS = "date,orders,team\n2026-03-04,1000,ml\n2026-03-09,200,ml\n2026-03-10,300,search\n2026-03-11,9999,ml\n"


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    lines = [{"time": "2026-03-10T09:00:00Z", "provider": "self-hosted", "model": "own", **event} for event in EVENTS]
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "budgets.yaml").write_text(
        "prices: [{model: own, provider: self-hosted, from: 2026-01-01, input_per_mtok: 10, cache_read_per_mtok: 1, output_per_mtok: 20}]\n"
        "metrics: [{name: orders, file: orders.csv, unit: order}, {name: outside, file: ../o.csv}, {name: gone, file: gone.json}]\n"
    )
    assert 0 == main(["--config", str(tmp_path), "ingest", "usage", str(tmp_path / "events.jsonl")])
    capsys.readouterr()
    return tmp_path


def ask(folder: Path, words: str, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
    code = main(["--config", str(folder), "--as-of", "2026-03-11", "ask", words, *more])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_what_each_unit_costs_is_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ask(folder, "unit last 7d by=team per=orders", capsys)
    table = [line.split() for line in out.splitlines()]
    head = "team cost requests per 1k req per 1k tok in /1k out /1k tok/req cached per user per session per order"
    assert head.split() in table
    assert ["search", "$0.01", "1", "$12.00", "$0.0109", "$0.0100", "$0.0200", "1,100", "0", "%", "$0.0120", "–", "$0.0000400"] in table
    assert "The metric orders has a value for 3 of these 7 days." in out


def test_scripts_get_every_figure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ask(folder, "unit last 7d by=team per=orders", capsys, "--json")
    found = json.loads(out)
    units = {row["key"]["team"]: row["units"] for row in found["rows"]}
    assert ("orders", "0.0204", "1500") == (found["metric"], found["total"]["cost"], found["total"]["units"]["metric"])
    assert ("1200", "0.000007", 1, "0.0084") == tuple(
        units["ml"][name] for name in ("metric", "cost_per_metric", "sessions", "cost_per_user")
    )
    assert ("8.4", "12", 0.4) == (
        units["ml"]["cost_per_1k_requests"],
        units["search"]["cost_per_1k_requests"],
        units["ml"]["cache_hit_ratio"],
    )


def test_a_metric_may_be_asked_for_as_people_speak(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "per order" in ask(folder, "unit team=ml last 7d per Orders", capsys)[1]
    assert "weekly" in ask(folder, "unit team=ml last 7d per week", capsys)[1]


def test_every_answer_tells_units(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    units = json.loads(ask(folder, "last 7d", capsys, "--json")[1])["units"]
    assert (2, 2200, "10.2") == (units["requests"], units["tokens"], units["cost_per_1k_requests"])


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("unit last 7d per=order", "there is no metric 'order'; the metrics are orders, outside, gone. Did you mean 'orders'?"),
        ("unit last 7d per=", "'per=' needs the name of a metric; the metrics are orders, outside, gone."),
        ("unit per=orders last 7d per=gone", "a question is divided by one metric, not by 2; ask once for each"),
        ("unit last 7d per=outside", "the file of metric outside lies outside the configuration folder; put it beside budgets.yaml"),
        ("unit by=tem last 7d", "'tem' is nothing to split by. Did you mean 'team'?"),
    ],
)
def test_a_wrong_question_is_told_in_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str], words: str, error: str) -> None:
    code, _, err = ask(folder, words, capsys)
    assert (2, error) == (code, err.splitlines()[0])


def test_a_missing_file_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = ask(folder, "unit per=gone", capsys)
    assert (2, f"the metric gone has no file {folder / 'gone.json'}; correct its 'file' in budgets.yaml\n") == (code, err)
