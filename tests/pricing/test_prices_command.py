"""`finops-bot prices`: show, check and diff, as a person types them."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main

DATA = Path(__file__).parents[1] / "data" / "prices"
AS_OF = ("--as-of", "2026-11-20")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("os.environ", {"PATH": "/usr/bin"})
    (tmp_path / "budgets.yaml").write_text("prices:\n  - {provider: Anthropic, discount: 10%}\n")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> tuple[int, str, str]:
    code = main(["prices", *words, "--config", str(config), *AS_OF])
    return code, *capsys.readouterr()


def document(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> Any:
    code, out, _ = run(capsys, config, *words, "--json")
    assert 0 == code
    return json.loads(out)


def test_show_tells_what_applies_and_why(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, config, "show", "claude-opus-4-6", "--on", "2026-03-12")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert (0, "claude-opus-4-6 of Anthropic: anthropic/claude-opus-4-6:-10%") == (code, lines[0])
    assert "budgets.yaml: less 10% for '*' of Anthropic" in lines
    assert "holds from the beginning until 2026-03-13 (UTC)" in lines
    assert ["input 4.5 (list 5)", "input 9 (list 10)"] == [line for line in lines if line.startswith("input")]


def test_show_as_a_document(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = document(capsys, config, "show", "gpt-5", "--tier", "batch", "--provider", "openai")
    assert ("openai/gpt-5@2026-10-14:batch", "2026-10-14T00:00:00Z", None, True) == (
        told["price_id"], told["start"], told["end"], told["certain"],
    )  # fmt: skip
    assert {"price": "0.625", "list": "0.625"} == told["steps"][0]["per_mtok"]["input"]
    assert {"price": None, "list": None} == told["steps"][0]["per_mtok"]["cache_write_1h"]


def test_show_explains_an_unknown_model_and_an_unknown_tier(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, problem = run(capsys, config, "show", "gpt-5o")
    way_out = "give one under 'prices' in budgets.yaml. Did you mean 'gpt-5'?"
    assert (2, f"there is no price for 'gpt-5o' of OpenAI on 2026-11-20; {way_out}\n") == (code, problem)
    code, _, problem = run(capsys, config, "show", "gpt-5", "--tier", "batch", "--on", "2026-10-01")
    assert (2, "nobody knows what tier 'batch' of 'gpt-5' of OpenAI costs on 2026-10-01") == (code, problem.partition(";")[0])


def test_check_tells_of_the_requests_in_the_ledger(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {"checked": 0, "findings": []} == document(capsys, config, "check")
    models = ["gpt-4o", "gpt-4o", "gpt-5.6", "nobody-knows-9b"]
    events = [
        {
            "time": "2026-11-10T09:00:00Z",
            "request_id": f"r{n}",
            "provider": "openai",
            "model": model,
            "input_tokens": 10,
            "output_tokens": 1,
        }
        for n, model in enumerate(models)
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert 3 == main(["ingest", "usage", str(path), "--config", str(config)])
    capsys.readouterr()
    told = document(capsys, config, "check")
    assert (3, [("unpriced", "nobody-knows-9b", 1), ("uncertain", "gpt-5.6", 1)]) == (
        told["checked"], [(found["problem"], found["model"], found["requests"]) for found in told["findings"]],
    )  # fmt: skip


def test_diff_compares_the_list_with_budgets(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = document(capsys, config, "diff", "list", "budgets")
    assert {"Anthropic"} == {change["provider"] for change in told["changed"]}
    assert {-0.1} == {change["change_share"] for change in told["changed"]}
    assert [] == document(capsys, config, "diff", "list", "budgets", "--above", "10%")["changed"]


def test_diff_compares_the_list_at_two_dates(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, config, "diff", "list@2026-03-12", "list@2026-03-13", "--provider", "anthropic")
    assert 0 == code
    assert "Anthropic claude-opus-4-6 input above 200000 10 5 −50.0%" in [" ".join(line.split()) for line in out.splitlines()]


def test_diff_raises_the_alarm_against_a_packed_file(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = tmp_path / "prices@2026-01-01.json.gz"  # a file whose name ends like a date is a file
    with gzip.open(packed, "wb") as out:
        out.write((DATA / "litellm_excerpt.json").read_bytes())
    told = document(capsys, config, "diff", "list", str(packed), "--above", "1%", "--provider", "xAI")
    assert {"provider": "xAI", "model": "grok-code-fast-1", "kind": "input", "written": "xai/grok-code-fast-1",
            "before": "0.2", "after": "1", "change_share": 4.0} in told["changed"]  # fmt: skip
    assert [] == told["new"]


def test_diff_lists_models_only_one_table_has_when_asked(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("diff", str(DATA / "genai_prices_excerpt.json"), "list", "--provider", "deepseek")
    assert "  DeepSeek deepseek-reasoner" not in run(capsys, config, *words)[1].splitlines()
    assert "  DeepSeek deepseek-reasoner" in run(capsys, config, *words, "--all")[1].splitlines()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("diff", "list", "lst"), "'lst' is neither a file nor a table; use list, budgets, or a JSON file. Did you mean 'list'?"),
        (("diff", "list", "list@2026-02-30"), "'2026-02-30' is not a day; write it as 2026-01-31"),
        (("diff", "list", "list", "--above", "much"), "--above takes a percentage such as 1%, not 'much'"),
        (("show", "gpt-5", "--on", "tomorrow"), "'tomorrow' is not a day; write it as 2026-01-31"),
    ],
)
def test_mistakes_end_in_one_sentence(config: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: str) -> None:
    assert (2, "", f"{expected}\n") == run(capsys, config, *words)


@pytest.mark.parametrize("damaged", [b"{", b"\x1f\x8b\x08broken", b"\xff\xfe", b"[1]"])
def test_a_damaged_file_is_refused(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damaged: bytes) -> None:
    path = tmp_path / "table.json"
    path.write_bytes(damaged)
    code, _, problem = run(capsys, config, "diff", "list", str(path))
    assert 2 == code
    assert str(path) in problem


def test_a_table_without_dates_is_not_asked_for_one(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shutil.copy(DATA / "litellm_excerpt.json", tmp_path / "table.json")
    code, _, problem = run(capsys, config, "diff", "list", f"{path}@2026-01-01")
    assert (2, f"{path} is a LiteLLM table, which has no dates; leave out @2026-01-01\n") == (code, problem)
