"""`finops-bot messages` and `finops-bot ask messages`: the list, `retry` and `drop` in a terminal."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.assemble import assemble
from bot.cli import main
from finops.ledger import outbox
from finops.ledger.audit import history_of
from finops.ledger.outbox import counts, enqueue
from finops.ledger.state import writing

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three messages: one was given up, one may have arrived, one waits for its hour."""
    with assemble(tmp_path, {"FINOPS_THREADS": "1"}, lambda: NOON) as tools:
        engine = tools.ledger.engine
        with writing(engine) as tx:
            told: dict[str, Any] = {"kind": "post", "payload": {"text": "over budget &amp; rising"}, "at": NOON}
            enqueue(tx, key="a", route="slack:#ml", object_id="A-12", **told)
            enqueue(tx, key="b", route="email:ops@example.com", object_id="P-7", **told)
            enqueue(tx, key="c", route="slack:#ai-costs", object_id="digest", due_at=NOON + timedelta(hours=8), **told)
        for _ in range(2):
            letter = outbox.claim(engine, NOON, timedelta(minutes=2), {"slack", "email"})
            assert letter
            if letter.key == "a":
                outbox.bury(engine, letter, NOON, "not_in_channel", None)
            else:
                outbox.lost(engine, letter, NOON + timedelta(minutes=5), "the mail server did not say whether it took the mail")
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FINOPS_THREADS", "1")

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["--config", str(folder), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_list_says_what_where_why_and_what_to_do(run: Run) -> None:
    code, out, _ = run("messages")
    assert 0 == code
    assert "1 message was given up, 1 may have arrived and is looked for, 1 waits." in out
    assert "M-1: A-12 · over budget & rising → slack:#ml, given up 2026-11-21 12:00Z after 1 attempt: not_in_channel" in out
    assert "   To do: invite finops-bot to #ml (/invite @finops-bot), then try again." in out
    assert "finops-bot messages retry M-1" in out
    [lost] = [line for line in out.splitlines() if line.startswith("M-2")]
    assert "email:ops@example.com" in lost
    assert "may have arrived: the mail server did not say whether it took the mail, looked for again 2026-11-21 12:05Z" in lost
    [waits] = [line for line in out.splitlines() if line.startswith("M-3")]
    assert waits.endswith("waits for 2026-11-21 20:00Z")


def test_the_same_words_work_as_a_question(run: Run) -> None:
    assert run("ask", "messages")[1] == run("messages")[1]
    assert run("ask", "messages failed", "--json")[1] == run("messages", "--failed", "--json")[1]


def test_only_what_was_given_up(run: Run) -> None:
    out = run("messages", "--failed")[1]
    assert ("M-1:" in out, "M-2" in out) == (True, False)


def test_scripts_get_one_document(run: Run) -> None:
    told = json.loads(run("messages", "--json")[1])
    assert {"given_up": 1, "ambiguous": 1, "waiting": 1} == told["total"]
    assert told["given_up"] == [
        {
            "id": "M-1",
            "key": "a",
            "about": "A-12",
            "title": "over budget & rising",
            "kind": "post",
            "route": "slack:#ml",
            "state": "dead",
            "written_at": "2026-11-21T12:00:00Z",
            "due_at": None,
            "again_at": None,
            "given_up_at": "2026-11-21T12:00:00Z",
            "attempts": 1,
            "error": "not_in_channel",
            "help": "invite finops-bot to #ml (/invite @finops-bot), then try again",
            "needless": None,
            "told_instead": [],
            "edits": 0,
        }
    ]
    assert ("2026-11-21T12:05:00Z", "2026-11-21T20:00:00Z") == (told["ambiguous"][0]["again_at"], told["waiting"][0]["due_at"])


@pytest.mark.parametrize("words", [("retry", "M-1"), ("retry", "1"), ("retry", "--all")])
def test_what_was_given_up_is_tried_again_once(run: Run, folder: Path, words: tuple[str, ...]) -> None:
    code, out, _ = run("messages", *words)
    assert (0, "M-1 is sent again, as things stand then.") == (code, out.splitlines()[0])
    assert "finops-bot job deliver-outbox" in out
    with assemble(folder, {"FINOPS_THREADS": "1"}, lambda: NOON) as tools:
        assert (0, 2) == ((found := counts(tools.ledger.engine))["dead"], found["pending"])
        assert ["outbox.dead", "outbox.revived"] == [one.action for one in history_of(tools.ledger.engine, "a")]
        assert "terminal" == history_of(tools.ledger.engine, "a")[1].actor
    code, _, err = run("messages", "retry", "M-1")
    assert (2, True) == (code, err.startswith("M-1 waits to be sent already; only what was given up can be tried again"))
    assert {"again": [], "dropped": {}, "left": 0} == json.loads(run("messages", "retry", "--all", "--json")[1])


def test_what_nobody_needs_is_let_go(run: Run) -> None:
    assert "M-1 is not sent, because somebody let it go.\n" == run("messages", "drop", "M-1")[1]
    assert 0 == json.loads(run("messages", "--json")[1])["total"]["given_up"]


def test_nothing_to_tell_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINOPS_THREADS", "1")
    assert 0 == main(["--config", str(tmp_path), "messages"])
    assert "Everything that was to be told has arrived." in capsys.readouterr().out
    assert 0 == main(["--config", str(tmp_path), "messages", "retry", "--all"])
    assert "Nothing was given up that is not tried already." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("rety", "M-1"),
            "'rety' is nothing that can be done with messages; use retry or drop, or nothing to list them. Did you mean 'retry'?",
        ),
        (("retry", "P-7"), "'P-7' is no message; it is named M- and its number, such as M-17, and finops-bot messages lists them"),
        (("retry", "M-99"), "there is no message M-99; finops-bot messages lists what did not arrive, such as M-17"),
        (("retry", "M-2"), "M-2 is being looked for already; only what was given up can be tried again or let go"),
        (("retry",), "retry takes a message, such as M-17, or --all; finops-bot messages lists them"),
        (("retry", "M-1", "M-2"), "retry takes one message at a time, or --all"),
        (("retry", "M-1", "--all"), "retry takes --all or M-1, not both"),
        (("retry", "M-1", "--failed"), "--failed is for the list; retry takes a message"),
        (("drop", "--all"), "drop takes one message at a time"),
        (("--all",), "write finops-bot messages retry --all"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(run: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = run("messages", *words)
    assert (2, "", 1) == (code, out, err.count("\n"))
    assert said in err
