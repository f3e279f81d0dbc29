"""What the container image promises: pinned, without root, only what it names, and a health check that tells the truth."""

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
STEPS = [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in LINES) if word.isupper()]
ADMITTED = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")]


def test_both_stages_name_the_minor_version_the_project_is_locked_for() -> None:
    lowest = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"].removeprefix(">=")
    assert of("FROM") == [f"python:{lowest}-slim AS builder", f"python:{lowest}-slim"]


def test_it_runs_as_a_numbered_user_who_is_not_root() -> None:
    assert of("USER") == ["10001:10001"]


def test_it_runs_the_bot() -> None:
    assert of("ENTRYPOINT") + of("CMD") == ['["finops-bot"]', '["run"]']


def test_every_room_of_the_wheel_is_copied() -> None:
    rooms = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert [step.split()[0] for step in of("COPY") if step.split()[0] in rooms] == rooms


def test_only_what_is_copied_enters_the_build() -> None:
    copied = {name for step in of("COPY") if not step.startswith("--from") for name in step.split()[:-1]}
    assert (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()[1] == "*"
    assert sorted(ADMITTED) == sorted(copied)
    assert [name for name in ADMITTED if not (ROOT / name).exists()] == []


def test_the_first_install_takes_exactly_the_locked_uv() -> None:
    program = re.search(r"awk '([^']+)' constraints.txt > uv.txt", " ".join(LINES))
    assert program
    taken = subprocess.run(["awk", program[1], "constraints.txt"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.partition("==")[0] for line in taken if "==" in line] == ["uv"]
    assert all("--hash=sha256:" in line for line in taken[1:])


@pytest.mark.parametrize(("status", "verdict"), [(200, 0), (503, 1)])
def test_the_health_check_believes_the_status(status: int, verdict: int) -> None:
    with answering(status) as port:
        assert health(port).returncode == verdict


def test_the_health_check_fails_when_nobody_listens() -> None:
    with answering(200) as port:
        pass
    assert health(port).returncode == 1


def test_the_health_check_asks_the_port_that_is_served() -> None:
    served = next(step for step in of("ENV") if "FINOPS_HTTP_ADDRESS" in step).partition("FINOPS_HTTP_ADDRESS=0.0.0.0:")[2]
    assert of("EXPOSE") == [served]
    assert f"http://127.0.0.1:{served}/healthz" in of("HEALTHCHECK")[0]


def of(word: str) -> list[str]:
    return [rest for step, rest in STEPS if step == word]


def health(port: int) -> subprocess.CompletedProcess[bytes]:
    _, *arguments = json.loads(of("HEALTHCHECK")[0].partition(" CMD ")[2])
    command = [sys.executable, *(argument.replace(":8737", f":{port}") for argument in arguments)]
    return subprocess.run(command, capture_output=True, check=False)


@contextmanager
def answering(status: int) -> Iterator[int]:
    class Fixed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
            pass

    with HTTPServer(("127.0.0.1", 0), Fixed) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
