"""Jobs as people meet them: a notice when one fails, one when it works again, and `/cost jobs`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bot.assemble import Tools, assemble
from bot.cli import main
from bot.clockwork import runner
from bot.messenger import Messenger
from bot.noticing import Noticing, address
from finops.errors import LedgerError, SourceError
from finops.ledger import runs, troubles
from jobs import registry
from jobs.registry import Job
from jobs.slots import schedule
from tests.chromium import browser, console, page
from tests.flows.slack import BRUNO, COSTS, Slack, connected, eventually, words
from tests.jobs.conftest import NOON, ZONE, Clock

ROOT = Path(__file__).parents[2]
__all__ = ["browser", "console", "page"]
WORDS = "the bucket <s3://bills> does not answer; it is tried again by itself"


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture(scope="module")
def tools(clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    with assemble(tmp_path_factory.mktemp("jobs"), {"FINOPS_THREADS": "1"}, clock) as tools:
        yield tools


@pytest.fixture(scope="module")
def slack(tools: Tools) -> Iterator[Slack]:
    with connected(tools) as slack:
        yield slack


@pytest.fixture(autouse=True)
def tomorrow(clock: Clock) -> None:
    """Each case has a day of its own, from noon."""
    clock.now = NOON + timedelta(days=(clock.now - NOON).days + 1)


def go(tools: Tools, *, fails: bool) -> None:
    def work(_: registry.Tools) -> str:
        if fails:
            raise SourceError(WORDS)
        return "nothing new"

    job = Job("sweep-ledger", "", work, schedule(every="1h"))
    one = runner(tools)
    claim = one.take_due(job, ZONE)
    assert claim
    one.run(job, claim, ZONE)


names = map(str, count(1))


def noticing(tools: Tools, slack: Slack, channel: str | None = "#ai-costs") -> Noticing:
    return Noticing(tools.ledger, Messenger(slack.service.slack.client), channel, tools.now, lambda: next(names))


def test_a_failure_is_told_once_and_its_end_once(tools: Tools, slack: Slack, clock: Clock) -> None:
    processes = [noticing(tools, slack), noticing(tools, slack)]
    go(tools, fails=True)
    with slack.new(BRUNO) as seen:
        assert [1, 0, 0, 0] == [process.tell() for process in processes * 2]
    for _ in range(3):
        clock.forward(hours=1)
        go(tools, fails=True)
    assert [0, 0] == [process.tell() for process in processes]
    with slack.new(BRUNO) as over:
        clock.forward(hours=1)
        go(tools, fails=False)
        assert [1, 0, 0, 0] == [process.tell() for process in processes * 2]
    assert [1, 1] == [len(seen), len(over)]
    assert f"sweep-ledger fails since {clock.now:%Y-%m-%d} 12:00Z: {WORDS}." in words(seen[0])
    assert "It is tried again at 12:01Z, attempt 2 of 4." in words(seen[0])
    assert f"sweep-ledger works again. It failed from {clock.now:%Y-%m-%d} 12:00Z to {clock.now:%Y-%m-%d} 16:00Z." in words(over[0])


def test_a_notice_that_slack_does_not_take_is_told_later(tools: Tools, slack: Slack, clock: Clock) -> None:
    telling = noticing(tools, slack)
    go(tools, fails=True)
    slack.fault("chat.postMessage", error="internal_error", times=1)
    assert 0 == telling.tell()
    clock.forward(seconds=16)
    with slack.new(BRUNO) as seen:
        assert 1 == telling.tell()
    assert 1 == len(seen)
    clock.forward(hours=1)
    go(tools, fails=False)
    assert 1 == telling.tell()
    assert {} == troubles.current(tools.ledger.engine)


def test_a_failure_that_was_over_before_anybody_could_be_told_is_one_message(tools: Tools, slack: Slack, clock: Clock) -> None:
    telling = noticing(tools, slack)
    go(tools, fails=True)
    slack.fault("chat.postMessage", error="internal_error", times=1)
    assert 0 == telling.tell()
    clock.forward(hours=1)
    go(tools, fails=False)
    with slack.new(BRUNO) as seen:
        assert [1, 0] == [telling.tell(), telling.tell()]
    assert [f"It failed from {clock.now:%Y-%m-%d} 12:00Z to {clock.now:%Y-%m-%d} 13:00Z: {WORDS}."] == [
        line.partition("again. ")[2] for line in words(seen[0]).splitlines()[:1]
    ]


def test_who_dies_while_telling_is_followed_by_another(tools: Tools, slack: Slack, clock: Clock) -> None:
    go(tools, fails=True)
    assert 1 == len(troubles.take_untold(tools.ledger.engine, clock.now, "the one who dies"))
    assert 0 == noticing(tools, slack).tell()
    clock.forward(minutes=2)
    assert 1 == noticing(tools, slack).tell()
    clock.forward(hours=1)
    go(tools, fails=False)
    assert 1 == noticing(tools, slack).tell()


def test_a_failure_that_returns_while_its_end_is_told_is_told_anew(tools: Tools, slack: Slack, clock: Clock) -> None:
    telling = noticing(tools, slack)
    go(tools, fails=True)
    telling.tell()
    clock.forward(hours=1)
    go(tools, fails=False)
    [ending] = troubles.take_untold(tools.ledger.engine, clock.now, "slow")
    clock.forward(hours=1)
    go(tools, fails=True)
    troubles.told(tools.ledger.engine, ending, clock.now)
    with slack.new(BRUNO) as seen:
        assert [1, 0] == [telling.tell(), telling.tell()]
    assert f"fails since {clock.now:%Y-%m-%d} 14:00Z" in words(seen[0])
    clock.forward(hours=1)
    go(tools, fails=False)
    assert 1 == telling.tell()


def test_a_channel_that_somebody_must_set_right_is_tried_now_and_then(
    tools: Tools, slack: Slack, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    go(tools, fails=True)
    assert 0 == noticing(tools, slack, "#no-such-channel").tell()
    assert "could not be posted to #no-such-channel (channel_not_found)" in caplog.text
    clock.forward(minutes=9)
    assert 0 == noticing(tools, slack).tell()
    clock.forward(minutes=1)
    assert 1 == noticing(tools, slack).tell()
    clock.forward(hours=1)
    go(tools, fails=False)
    assert 1 == noticing(tools, slack).tell()


def test_what_is_recorded_names_no_secret_and_not_where_the_files_lie(tools: Tools) -> None:
    def work(_: registry.Tools) -> str:
        raise LedgerError(f"{tools.ledger.root}/x.parquet is gone (token=xoxb-1111-canary)")

    with pytest.raises(LedgerError):
        runner(tools).by_hand(Job("roll-up", "", work), tools.now())
    [run] = runs.history(tools.ledger.engine, "roll-up")
    assert "…/x.parquet is gone (token=•••)" == run.error


def test_without_a_channel_it_is_logged(tools: Tools, slack: Slack, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    go(tools, fails=True)
    assert 1 == noticing(tools, slack, None).tell()
    clock.forward(hours=1)
    go(tools, fails=False)
    caplog.set_level("INFO")
    assert 1 == noticing(tools, slack, None).tell()
    notices = [record.levelname for record in caplog.records if record.name == "finops.notices"]
    assert ["ERROR", "INFO"] == notices


def test_jobs_are_listed_and_one_tells_its_history(tools: Tools, slack: Slack, clock: Clock) -> None:
    go(tools, fails=True)
    listed, today, tomorrow = slack.ask("jobs"), f"{clock.now:%F}", f"{clock.now + timedelta(days=1):%F}"
    assert f"sweep-ledger\n{today} 12:00Z\nfailed: {WORDS}\ndaily 03:10\n{tomorrow} 03:10Z" in listed
    assert f"sweep-ledger: {WORDS}" in listed
    assert f"Fails since {clock.now:%Y-%m-%d %H:%M}Z. It is tried again at 12:01Z, attempt 2 of 4." in slack.ask("jobs sweep-ledger")
    assert "Try `/cost jobs sweep-ledger`" in slack.ask("jobs sweep-leger")
    clock.forward(hours=1)
    go(tools, fails=False)


@pytest.mark.browser
def test_the_notices_are_readable(tools: Tools, slack: Slack, clock: Clock, page: Page, tmp_path: Path) -> None:
    telling = noticing(tools, slack)
    telling.tell()
    go(tools, fails=True)
    telling.tell()
    clock.forward(hours=1)
    go(tools, fails=False)
    telling.tell()
    page.goto(f"{slack.box.url}/?user={BRUNO}#/{COSTS}")
    page.wait_for_selector(".pane-head")
    expect(page.locator(".message").filter(has_text="sweep-ledger fails").last).to_contain_text("<s3://bills> does not answer")
    expect(page.locator(".message").last).to_contain_text("sweep-ledger works again")
    expect(page.locator(".message").last).to_contain_text(f"to {clock.now:%Y-%m-%d %H:%M}Z.")
    page.screenshot(path=tmp_path / "notices.png", full_page=True)


@pytest.mark.parametrize(
    ("given", "sent"), [("finops", "#finops"), ("#finops", "#finops"), ("C0AICOSTS1", "C0AICOSTS1"), ("COSTS", "#COSTS")]
)
def test_a_channel_is_named_as_slack_takes_it(given: str, sent: str) -> None:
    assert sent == address(given)


def test_jobs_run_as_a_process_of_their_own_without_slack_and_end_when_told(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "FINOPS_"))}
    written = tmp_path / "log.txt"
    command = [sys.executable, "-m", "bot", "run", "--only", "jobs", "--config", str(tmp_path)]
    with written.open("wb") as log, subprocess.Popen(command, cwd=ROOT, env=kept | {"FINOPS_THREADS": "1"}, stderr=log) as process:
        try:
            eventually(lambda: "INFO finops.jobs: sweep-ledger" in written.read_text() or process.poll() is not None)
            process.send_signal(signal.SIGTERM)
            assert 0 == process.wait(15)
        finally:
            process.kill()
    assert "Traceback" not in written.read_text()
    with assemble(tmp_path, {"FINOPS_THREADS": "1"}) as tools:
        assert "done" == runs.latest(tools.ledger.engine)["sweep-ledger"].state


def test_the_command_line_lists_jobs_and_runs_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("SLACK_", "FINOPS_"))]:
        monkeypatch.delenv(name)
    assert 0 == main(["job", "--json", "--config", str(tmp_path)])
    before = {job["name"]: job for job in json.loads(capsys.readouterr().out)["jobs"]}
    assert ("daily 03:10", None) == (before["sweep-ledger"]["schedule"], before["sweep-ledger"]["last_run"])
    assert 0 == main(["job", "sweep-ledger", "--json", "--config", str(tmp_path)])
    said = json.loads(capsys.readouterr().out)
    assert ("sweep-ledger", "nothing to remove", "done") == (said["job"], said["result"], said["run"]["state"])
    assert 0 == main(["job", "--config", str(tmp_path)])
    assert "done: nothing to remove" in capsys.readouterr().out
    assert 2 == main(["job", "sweep-leger", "--config", str(tmp_path)])
    assert "Did you mean 'sweep-ledger'?" in capsys.readouterr().err
