"""`finops-bot demo` as a process: the first thing anybody runs."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.flows.slack import eventually

ROOT = Path(__file__).parents[2]
OTHERS = {  # what a developer's shell may hold; the demo must not care
    "SLACK_BOT_TOKEN": "not a token",
    "SLACK_CLIENT_ID": "1.2",
    "SLACK_CLIENT_SECRET": "3",
    "FINOPS_DATABASE_URL": "sqlite:////nowhere/state.sqlite",
    "FINOPS_HTTP_ADDRESS": "nowhere",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
}


def demo(*options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bot", "demo", "--no-open", *map(str, options)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | OTHERS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_once_answers_five_questions_and_posts_an_approval_whatever_the_environment_holds() -> None:
    with demo("--once", "--json") as process:
        out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    asked, posted = json.loads(out)["asked"], json.loads(out)["posted"]
    assert len(asked) == 5
    assert [one["question"] for one in asked if "$" not in one["answer"]] == []
    assert {"data_visualization", "image", "data_table", "actions"} <= {kind for one in asked for kind in one["blocks"]}
    assert [("approval", "P-1")] == [(one["kind"], one["id"]) for one in posted]
    assert "claude-opus-4-8 → claude-sonnet-4-6 for feature=nightly-evals team=ml" in posted[0]["text"]
    assert "actions" in posted[0]["blocks"]
    assert "Traceback" not in err


def test_it_stays_until_ctrl_c_and_runs_a_second_time_in_the_same_folder(tmp_path: Path) -> None:
    for _ in range(2):
        with demo("--config", tmp_path) as process:
            url = opened(process)
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/_box/state", timeout=20) as answer:
                assert json.load(answer)["app"]["connected"]
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        assert (0, "", "") == (process.returncode, out, err.partition("Ctrl-C ends the demo.\n")[2])


def opened(process: subprocess.Popen[str]) -> str:
    """The address that is shown once everything runs."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"Open (http://\S+)", line):
            return found[1]
    raise AssertionError("the demo ended before it was ready")


def test_interrupted_while_it_loads_it_leaves_without_a_word_and_without_a_trace(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "bot", "demo", "--no-open"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "loading" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" not in err
    eventually(lambda: not list(tmp_path.glob("finops-bot-*")))


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, demo("--port", port := taken.getsockname()[1]) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert err == f"port {port} cannot be used (Address already in use); choose another with --port, or leave it out\n"


def test_a_ledger_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".finops").mkdir()
    with demo("--config", tmp_path) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "holds a ledger already, and the demo would add sample bills to it" in err
    assert list((tmp_path / ".finops").iterdir()) == []
