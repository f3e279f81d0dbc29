"""The audit as people meet it: `/cost audit P-1` in Slack, and `finops-bot audit` on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.assemble import Tools, assemble
from bot.cli import main
from bot.clockwork import runner
from finops.ledger.proposals import history_of
from finops.ledger.voting import cancel
from jobs.registry import find
from tests.flows.slack import Slack, connected
from tests.jobs.conftest import Clock
from tests.ledger.proposed import ANA, BOTH, CHEN, DORA, NOON, click, proposed, unguarded, voter


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    with assemble(tmp_path, {"FINOPS_THREADS": "1"}, Clock(NOON)) as tools:
        yield tools


@pytest.fixture
def slack(tools: Tools) -> Iterator[Slack]:
    with connected(tools) as slack:
        yield slack


def decide(tools: Tools) -> None:
    """The requester is refused, one approves, and it is taken back."""
    one = proposed(tools.ledger.engine, BOTH, requester=CHEN)
    click(tools.ledger.engine, one, CHEN)
    click(tools.ledger.engine, one, DORA, reason="it is an emergency")
    cancel(tools.ledger.engine, one.id, voter(CHEN), NOON, reason="solved otherwise")


def command(tools: Tools, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = main([*words, "--json", "--config", str(tools.config)])
    return code, json.loads(capsys.readouterr().out)


def test_slack_tells_all_that_was_done_about_a_proposal(tools: Tools, slack: Slack) -> None:
    decide(tools)
    said = slack.ask("audit p-1")
    assert "P-1 is cancelled, by U0CHEN0001 at 2026-11-21 12:00Z: gateway.fallback for ml has spent 101 % of its budget" in said
    assert "1. 2026-11-21 12:00:00Z U0CHEN0001 proposed it: ml has spent 101 % of its budget" in said
    assert "2. 2026-11-21 12:00:00Z U0CHEN0001 was refused: you asked for P-1 yourself; somebody else has to decide" in said
    assert "3. 2026-11-21 12:00:00Z U0DORA0001 approved: it is an emergency" in said
    assert "4. 2026-11-21 12:00:00Z U0CHEN0001 took it back (pending → cancelled): solved otherwise" in said


def test_a_proposal_that_is_not_there_is_told(tools: Tools, slack: Slack) -> None:
    assert "there is no proposal P-7" in slack.ask("audit P-7")
    assert "'12' is neither a proposal nor an alert; proposals and alerts list them, such as P-12 and A-3" in slack.ask("audit 12")
    assert "audit wants a proposal" in slack.ask("audit")


def test_scripts_get_the_entries(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    decide(tools)
    code, told = command(tools, capsys, "ask", "audit P-1", "--as-of", "2026-11-22")
    assert (0, "P-1", "cancelled") == (code, told["id"], told["state"])
    assert ["propose", "refused", "vote", "cancel"] == [entry["action"].removeprefix("proposal.") for entry in told["entries"]]
    assert [{"group": "@finance", "quorum": 1}] == told["entries"][2]["detail"]["still_needed"]


def test_verify_tells_that_it_holds_and_names_what_does_not(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    decide(tools)
    assert "signed 4 entries" == runner(tools).by_hand(find("checkpoint-audit"), NOON).result
    code, told = command(tools, capsys, "audit", "verify")
    assert (0, True, 5, 1, []) == (code, told["ok"], told["entries"], told["checkpoints"], told["problems"])
    with unguarded(tools.ledger.engine) as connection:
        connection.execute(text("UPDATE audit SET actor = 'eve' WHERE seq = 2"))
    code, told = command(tools, capsys, "audit", "verify")
    assert (1, False) == (code, told["ok"])
    assert ["entry 2 (2026-11-21 12:00:00Z, proposal.refused P-1) was changed: its hash does not fit"] == told["problems"]


def test_verify_finds_a_cut_tail_by_the_checkpoints_in_their_folder(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    decide(tools)
    runner(tools).by_hand(find("checkpoint-audit"), NOON)
    assert 0o600 == (tools.config / ".finops" / "audit.key").stat().st_mode & 0o777
    with unguarded(tools.ledger.engine) as connection:
        connection.execute(text("DELETE FROM audit WHERE seq > 2"))
    assert 1 == main(["audit", "verify", "--config", str(tools.config)])
    said = capsys.readouterr().out
    assert "the live record DOES NOT HOLD: 2 entries, 1 checkpoints" in said
    assert "Problem: entries 3 to 4 are missing: the checkpoint of 2026-11-21T12:00:00.000000Z over 4 entries signed them" in said


def test_an_export_is_proven_elsewhere_without_the_key(tools: Tools, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    decide(tools)
    file = tmp_path / "audit.jsonl"
    code, told = command(tools, capsys, "audit", "export", str(file))
    assert (0, 4, [str(file), str(file.with_suffix(".csv"))]) == (code, told["size"], told["written"])
    elsewhere = tmp_path / "elsewhere"
    assert 0 == main(["audit", "verify", str(file), "--config", str(elsewhere), "--json"])
    assert (told["key"], 4) == ((found := json.loads(capsys.readouterr().out))["public_key"], found["entries"])
    assert not elsewhere.exists()
    file.write_text(file.read_text().replace("emergency", "EMERGENCY"))
    assert [1, 1] == [main(["audit", "verify", str(file), "--config", str(folder)]) for folder in (elsewhere, tools.config)]
    said = capsys.readouterr().out
    assert "an entry of the export was changed: together they are not what its heading signed" in said
    assert "entry 3 (2026-11-21 12:00:00Z, proposal.vote P-1) was changed: its hash does not fit" in said


def test_an_export_writes_over_nothing(tools: Tools, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "there.jsonl").write_text("mine")
    assert [2, 2, 2] == [
        main(["audit", *words, "--config", str(tools.config)])
        for words in (("export", str(tmp_path / "there.jsonl")), ("export", str(tmp_path / "x.csv")), ("verify", "--without-key"))
    ]
    assert "exists already; choose another name" in capsys.readouterr().err
    assert "mine" == (tmp_path / "there.jsonl").read_text()


def test_the_job_signs_only_what_is_new(tools: Tools) -> None:
    click(tools.ledger.engine, proposed(tools.ledger.engine), ANA)
    said = [runner(tools).by_hand(find("checkpoint-audit"), NOON).result for _ in range(2)]
    assert ["signed 3 entries", "no checkpoint is due"] == said


def test_k1_the_key_is_in_no_export_and_no_checkpoint(tools: Tools, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    decide(tools)
    runner(tools).by_hand(find("checkpoint-audit"), NOON)
    command(tools, capsys, "audit", "export", str(tmp_path / "a.jsonl"))
    key = (tools.config / ".finops" / "audit.key").read_bytes().strip()
    told = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "audit.key" and key in path.read_bytes()]
    assert ([], tmp_path) == (told, tools.config)


def test_entries_name_the_configuration_in_force(tools: Tools) -> None:
    for n, rules in enumerate(("", "budgets: []\n", "budgets: []\n", "budgets: [\n")):
        (tools.config / "budgets.yaml").write_text(rules)
        tools.refresh()
        proposed(tools.ledger.engine, finding=f"finding {n}")
    first, second, third, broken = (history_of(tools.ledger.engine, f"P-{n}")[0].config for n in (1, 2, 3, 4))
    assert first != second == third == broken  # a broken file is not in force
    assert second is not None
    assert 64 == len(second)
