"""Samples from the command line to the answers that scripts read."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.assemble import assemble
from bot.capacity import prometheus_problems
from bot.cli import main
from tests.capacity.conftest import DATA
from tests.capacity.prometheus_double import double, matrix
from tests.capacity.test_kubernetes import cluster

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("FINOPS_DATABASE_URL", "FINOPS_LEDGER_URL", "FINOPS_PROMETHEUS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FINOPS_GPU_HOUR_PRICE", "2.50")
    return tmp_path


def run(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main([*words, "--config", str(folder), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_files_are_loaded_and_bad_lines_end_with_exit_code_3(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "cncf_v1.35_viettel-ai-platform_accelerator_metrics.prom"
    code, said = run(folder, capsys, "ingest", "capacity", str(DATA / name), "--as-of", "2026-03-01T12:00Z")
    assert (3, "loaded", 2) == (code, said["loads"][0]["status"], said["loads"][0]["rows"])
    assert f"18 of 20 lines are left out: {name}:3" in said["loads"][0]["reason"]


def test_what_was_sampled_is_told_with_its_gpu_hours(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, capsys, "ingest", "capacity", str(DATA / "nvidia_aicr_8xH100_685920c.prom"), "--as-of", "2026-03-01T12:00Z")
    _, said = run(folder, capsys, "ask", "capacity last 7d", "--as-of", "2026-03-02")
    (row,) = said["gpu_hours"]
    assert ("NVIDIA H100 80GB HBM3", None, 8) == (row["gpu_model"], row["namespace"], len(said["resources"]))
    assert pytest.approx(8 / 12) == row["hours"]


def test_kubernetes_is_split_exactly(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "kube.csv"
    path.write_text(cluster())
    run(folder, capsys, "ingest", "capacity", str(path))
    code, said = run(folder, capsys, "ask", "kubernetes last 7d", "--as-of", "2026-03-02")
    assert (0, [{"currency": "USD", "cost": "240", "allocated": "135", "idle": "105", "unallocated": "0"}]) == (code, said["totals"])
    assert [("a", "vision", "120"), ("b", None, "15")] == [(row["pod"], row["owner"], row["cost"]) for row in said["pods"]]
    assert "estimate" in " ".join(said["notes"])


def test_only_the_pods_of_the_asked_team_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "kube.csv"
    path.write_text(cluster())
    run(folder, capsys, "ingest", "capacity", str(path))
    _, said = run(folder, capsys, "ask", "kubernetes team=vision last 7d", "--as-of", "2026-03-02")
    assert ["a"] == [row["pod"] for row in said["pods"]]


def test_without_nodes_the_note_says_what_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(folder, capsys, "ask", "kubernetes last 7d", "--as-of", "2026-03-02")
    assert (0, ["No capacity samples of this time are loaded; see docs/capacity.md."]) == (code, said["notes"])


def test_a_filter_that_means_nothing_here_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(folder, capsys, "ask", "kubernetes model=gpt-5 last 7d", "--as-of", "2026-03-02")
    assert (2, "'model' does not filter this; filter by team") == (code, said["error"])


def answers(path: str, form: dict[str, str]) -> tuple[int, bytes]:
    if path.endswith("/query"):
        return 200, b'{"status":"success","data":{"resultType":"scalar","result":[%d,"0"]}}' % (START + timedelta(days=1)).timestamp()
    if "DCGM_FI_DEV_GPU_UTIL" not in form["query"]:
        return 200, matrix()
    times = range(int(float(form["start"])), int(float(form["end"])) + 1, int(form["step"]))
    return 200, matrix(({"__name__": "DCGM_FI_DEV_GPU_UTIL", "UUID": "GPU-1"}, [(time, "50") for time in times]))


def test_prometheus_is_pulled_by_its_address(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    when = ("--as-of", "2026-03-01T01:00Z", "--option", "since=2026-03-01", "--option", "step=5m")
    with double(answers) as peer:
        code, said = run(folder, capsys, "ingest", "capacity", "prometheus", peer.url, *when)
        again, _ = run(folder, capsys, "ingest", "capacity", "prometheus", peer.url, *when)
    assert (0, 0, 12) == (code, again, said["loads"][0]["rows"])
    assert any("12 samples of 1 series" in note for note in said["notes"])


def test_the_job_pulls_every_configured_server(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with double(answers) as peer:
        (folder / "budgets.yaml").write_text(f"sources:\n  gpus: {{kind: prometheus, url: '{peer.url}', step: 5m}}\n")
        code, said = run(folder, capsys, "job", "ingest-capacity", "--as-of", "2026-03-01T01:00Z")
    assert (0, True) == (code, said["result"].startswith("gpus: "))
    assert "2,016 samples of 1 series" in said["result"]


def test_prometheus_without_an_address_says_how_to_give_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(folder, capsys, "ingest", "capacity", "prometheus")
    assert code == 2
    assert "http://prometheus:9090" in said["error"]


def test_a_prometheus_that_is_away_is_a_problem_of_check_online(folder: Path) -> None:
    (folder / "budgets.yaml").write_text("sources:\n  gpus: {kind: prometheus, url: 'http://127.0.0.1:9'}\n")
    with assemble(folder, {}) as tools:
        (problem,) = prometheus_problems(tools)
    assert problem.startswith("source 'gpus': Prometheus at http://127.0.0.1:9 cannot be reached")
