"""`finops-bot run` as a process: starts, answers, logs no secret, and stops when told to."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.manifest import manifest
from slackbox.server import Slackbox, start
from slackbox.settings import Settings
from tests.flows.conftest import copied
from tests.flows.slack import BRUNO, COSTS, DORA, FINANCE, Slack, eventually, words

ROOT = Path(__file__).parents[2]
BOT, APP, SIGNING = "xoxb-canary-1111-bot", "xapp-canary-2222-app", "canary3333signing"
QUESTION = "2026-09 by=team"


@dataclass
class Bot:
    """A running `finops-bot run` and where it writes."""

    process: subprocess.Popen[bytes]
    written: Path

    @property
    def log(self) -> str:
        return self.written.read_text()

    def port(self) -> int:
        found = eventually(lambda: re.search(r"health on port (\d+)", self.log) or self.process.poll() is not None)
        assert isinstance(found, re.Match), self.log
        return int(found[1])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def running(box: Slackbox, folder: Path, *options: str, **environment: str) -> Iterator[Bot]:
    written = folder / f"log-{time.time_ns()}.txt"
    with (
        written.open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "bot", "run", "--config", folder, *options], cwd=ROOT, env=env(box, environment), stderr=log, stdout=log
        ) as process,
    ):
        try:
            yield Bot(process, written)
        finally:
            if process.poll() is None:
                process.kill()


def env(box: Slackbox, more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "FINOPS_"))}
    ours = {"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": APP, "SLACK_SIGNING_SECRET": SIGNING, "SLACK_API_URL": box.api_url}
    return kept | ours | {"FINOPS_HTTP_ADDRESS": "127.0.0.1:0", "FINOPS_THREADS": "2"} | dict(more)


@pytest.fixture(scope="module")
def folder(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    with copied(loaded, folder):
        return folder


@pytest.fixture(scope="module")
def box() -> Iterator[Slackbox]:
    with start(Settings(manifest(), bot_token=BOT, app_token=APP, signing_secret=SIGNING, rate_limits=False)) as box:
        yield box


class Seen(Slack):
    """The person's side only: the bot is another process."""

    def __init__(self, box: Slackbox) -> None:
        self.box = box


def test_it_answers_logs_no_secret_at_debug_and_ends_with_what_it_took(box: Slackbox, folder: Path) -> None:
    slack = Seen(box)
    with running(box, folder, "--debug") as bot:
        port = bot.port()
        assert "$" in slack.ask(QUESTION)
        slack.share(slack.type(f"/cost {QUESTION}"))
        slack.fault("response_url", error="used_url", status=404, times=2)
        slack.ask("last 7d")
        slack.call("command", user=DORA, channel=FINANCE, text="/cost last 7d")
        slack.fault("upload", status=500)
        slack.ask("2026-08 by=team", DORA)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            assert json.load(answer) == {"ok": True, "socket_mode": True}
        slack.fault("response_url", delay_seconds=1.5)
        with slack.new(BRUNO) as seen:
            slack.call("command", user=BRUNO, channel=COSTS, text=f"/cost {QUESTION}")
            assert 0 == bot.stop()
        assert "$" in words(seen[0])
        log = bot.log
    assert " DEBUG finops.slack: " in log
    secrets = [BOT, APP, SIGNING, *box.rig.tickets.urls, *(file.upload_token for file in box.world.files.values()), *tickets(log)]
    assert [secret for secret in secrets if secret in log] == []
    assert log.count("finops-bot answers in Slack") == 1
    assert "Traceback" not in log
    assert "will be unused" not in log


def tickets(log: str) -> list[str]:
    """One-time addresses of sockets."""
    return re.findall(r"ticket=[0-9a-f]{8,}", log)


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        ({"SLACK_API_URL": "http://127.0.0.1:9/api/"}, 1, "Slack cannot be reached at http://127.0.0.1:9/api/"),
        ({"SLACK_BOT_TOKEN": "xoxb-other"}, 2, "SLACK_BOT_TOKEN does not work (invalid_auth)"),
        ({"SLACK_APP_TOKEN": "xapp-other"}, 2, "SLACK_APP_TOKEN does not work (invalid_auth)"),
        ({"SLACK_APP_TOKEN": "", "SLACK_SIGNING_SECRET": ""}, 2, "set SLACK_APP_TOKEN for Socket Mode or SLACK_SIGNING_SECRET for HTTP"),
        ({"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "3"}, 2, "SLACK_CLIENT_ID and SLACK_CLIENT_SECRET are set"),
        ({"FINOPS_HTTP_ADDRESS": "127.0.0.1:{taken}"}, 2, "cannot be listened on"),
    ],
)
def test_what_keeps_it_from_starting_is_one_sentence(box: Slackbox, folder: Path, wrong: dict[str, str], code: int, said: str) -> None:
    taken = box.url.rpartition(":")[2]
    with running(box, folder, **{name: value.replace("{taken}", taken) for name, value in wrong.items()}) as bot:
        assert code == bot.process.wait(20)
        last = bot.log.strip().splitlines()
    assert said in last[-1]
    assert "Traceback" not in bot.log
