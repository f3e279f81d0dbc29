"""`finops-bot ingest usage` on the real price list."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main

GPT = {"time": "2026-03-10T09:00:00Z", "request_id": "a", "provider": "openai", "model": "gpt-4o", "output_tokens": 1_000}
SONNET = {"time": "2026-03-10T09:01:00Z", "request_id": "b", "model": "claude-sonnet-4-5", "output_tokens": 2_000, "team": "ml"}
LINES = [
    {**GPT, "input_tokens": 10_000, "cache_read_tokens": 6_000},
    {**SONNET, "input_tokens": 63_000, "cache_read_tokens": 50_000, "cache_write_5m_tokens": 10_000},
]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("os.environ", {"PATH": "/usr/bin"})
    return tmp_path / "config"


def events(folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / "events.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_requests_are_priced_by_the_list_and_asked_at_once(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.mkdir()
    code, said = run(capsys, "ingest", "usage", str(events(tmp_path, *LINES)), "--config", str(config))
    load = {"source": "usage", "period": "2026-03", "rows": 2, "billed_cost": "0.119", "effective_cost": "0.119", "currency": "USD"}
    assert (0, [load | {"status": "loaded", "reason": None}], []) == (code, said["loads"], said["notes"])  # 0.0275 and 0.0915
    code, answer = run(capsys, "ask", "2026-03 by=model", "--config", str(config), "--as-of", "2026-04-01")
    assert (0, {"gpt-4o": "0.0275", "claude-sonnet-4-5": "0.0915"}) == (code, {row["key"]["model"]: row["cost"] for row in answer["rows"]})


def test_what_has_no_price_ends_with_code_3_and_an_alarm(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.mkdir()
    unknown = LINES[0] | {"request_id": "c", "model": "nobody-knows-9b"}
    code, said = run(capsys, "ingest", "usage", str(events(tmp_path, *LINES, unknown)), "--config", str(config))
    assert (3, ["no price for model nobody-knows-9b: 1 request is not counted; add it to prices in budgets.yaml"]) == (code, said["notes"])


def test_a_price_of_budgets_yaml_applies(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.mkdir()
    rates = "input_per_mtok: 0.50, cache_read_per_mtok: 0.05, output_per_mtok: 1.50"
    price = f"{{model: nobody-knows-9b, provider: self-hosted, from: 2026-01-01, {rates}}}"
    (config / "budgets.yaml").write_text(f"prices:\n  - {price}\n")
    own = LINES[0] | {"request_id": "c", "model": "nobody-knows-9b", "provider": "self-hosted"}
    code, said = run(capsys, "ingest", "usage", str(events(tmp_path, own)), "--config", str(config))
    assert (0, "0.0038") == (code, said["loads"][0]["effective_cost"])  # 4,000 × 0.50, 6,000 × 0.05 and 1,000 × 1.50 a million
