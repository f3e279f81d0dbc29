"""`finops-bot gateway`: keys are made once, known by their digest, and let in no longer when somebody says so."""

import hashlib
import io
import json
from pathlib import Path

import pytest

from bot.cli import main


def run(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["--config", str(folder), "gateway", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_key_is_shown_once_and_only_its_digest_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(tmp_path, capsys, "add-key", "team=search", "tenant=acme", "--json")
    made = json.loads(out)
    assert hashlib.sha256(made["key"].encode()).hexdigest() == made["sha256"]
    _, listed, _ = run(tmp_path, capsys, "keys")
    assert f"{made['sha256'][:12]}  tenant=acme team=search\n" == listed
    assert made["key"].encode() not in b"".join(path.read_bytes() for path in (tmp_path / ".finops").rglob("*") if path.is_file())


def test_a_revoked_key_is_listed_no_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = json.loads(run(tmp_path, capsys, "add-key", "team=ml", "--json")[1])
    code, out, _ = run(tmp_path, capsys, "revoke-key", made["sha256"][:12])
    assert (0, True) == (code, out.startswith("revoked"))
    assert "No key is let in yet" in run(tmp_path, capsys, "keys")[1]


def test_a_key_that_clients_have_already_is_read_from_stdin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-0123456789abcdef\n"))
    _, out, _ = run(tmp_path, capsys, "add-key", "team=ml", "--existing", "--json")
    assert (None, hashlib.sha256(b"sk-0123456789abcdef").hexdigest()) == (json.loads(out)["key"], json.loads(out)["sha256"])
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert 2 == run(tmp_path, capsys, "add-key", "team=ml", "--existing")[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add-key", "tem=ml"), "Did you mean 'team'?"),
        (("add-key", "team=ml", "team=search"), "'team' is given twice"),
        (("add-key", "team="), "'team=' does not say who the key is for"),
        (("revoke-key", "abc"), "'abc' names 0 keys"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    code, _, err = run(tmp_path, capsys, *words)
    assert (2, True) == (code, said in err)
