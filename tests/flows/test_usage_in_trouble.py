"""Usage events when something breaks: the ledger, a segment, the process. Nothing acknowledged is lost, nothing counts twice."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.assemble import assemble
from finops.errors import LedgerError
from finops.ledger.loads import Delivery
from finops.ledger.usage import Published, publish
from finops.pricing.book import price_book
from finops.query import parse
from finops.sources.spool import SpoolWriter, waiting
from jobs import ingest_usage
from jobs.ingest_usage import TRIES, drain
from jobs.registry import Tools
from tests.flows.slack import eventually

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 9, 28, 12, tzinfo=UTC)
TOKEN = "a-token-of-the-gateway"


def event(name: str) -> bytes:
    told = {"time": "2026-09-27T12:00:00Z", "request_id": name, "model": "claude-sonnet-4-5", "input_tokens": 1000, "output_tokens": 100}
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    with assemble(tmp_path, {"FINOPS_THREADS": "2"}, now=lambda: NOW) as bot:
        yield Tools(bot.ledger, NOW, bot.settings, bot.rulebook)


def spool(tools: Tools, *segments: str) -> None:
    for name in segments:
        writer = SpoolWriter(tools.settings.spool, f"of-{name}")
        writer.append(event(name))
        writer.close()


def publishing(tools: Tools, *, fails: Callable[[Sequence[Path]], bool]) -> Callable[[Sequence[Path]], Published]:
    """The ledger's own publishing, except where `fails` says the ledger would break."""

    def attempt(files: Sequence[Path]) -> Published:
        if fails(files):
            raise LedgerError("broken")
        return publish(tools.ledger, files, price_book(), Delivery(NOW, NOW, "test"))

    return attempt


def total(tools: Tools) -> str:
    (sums,) = tools.ledger.answer(parse("2026-09-27", NOW.date()), NOW).sums
    return f"{sums.total:.4f}"


def test_the_job_takes_in_what_waits_and_says_so(tools: Tools) -> None:
    spool(tools, "a", "b")
    assert "took in 2 requests" == ingest_usage.ingest_usage(tools)
    assert ("no new request waited", "0.0090") == (ingest_usage.ingest_usage(tools), total(tools))


def test_an_unknown_model_is_told_and_stays_visible(tools: Tools) -> None:
    writer = SpoolWriter(tools.settings.spool, "w")
    writer.append(event("a").replace(b"claude-sonnet-4-5", b"of-nobody-9"))
    writer.close()
    assert "took in 1 requests; no price for of-nobody-9: 1 are not counted" == ingest_usage.ingest_usage(tools)


def test_while_the_ledger_is_away_segments_wait_and_none_is_blamed(tools: Tools) -> None:
    spool(tools, *"abcdef")
    for _ in range(3 * TRIES):
        done = drain(tools, tools.settings.spool, price_book(), publishing(tools, fails=lambda files: True))
        assert (0, []) == (done.segments, done.aside)
    assert 6 == waiting(tools.settings.spool).segments
    assert 6 == drain(tools, tools.settings.spool, price_book()).requests


def test_a_segment_that_fails_while_others_pass_is_set_aside_in_the_end_and_named(tools: Tools) -> None:
    fails = publishing(tools, fails=lambda files: any("of-poison" in path.name for path in files))
    spool(tools, "poison")
    for number in range(TRIES):
        assert 1 == waiting(tools.settings.spool).segments
        spool(tools, f"good{number}")
        done = drain(tools, tools.settings.spool, price_book(), fails)
    assert ["of-poison-00000001.jsonl"] == [path.name for path in done.aside]
    assert (0, 1) == (waiting(tools.settings.spool).segments, waiting(tools.settings.spool).aside)
    assert ("set aside" in done.sentence(), f"{TRIES * 0.0045:.4f}") == (True, total(tools))


def test_a_segment_moved_back_is_published_after_all(tools: Tools) -> None:
    spool(tools, "poison")
    place = tools.settings.spool / "aside" / "of-poison-00000001.jsonl"
    place.parent.mkdir()
    (tools.settings.spool / place.name).rename(place)
    assert "no new request waited" == ingest_usage.ingest_usage(tools)
    place.rename(tools.settings.spool / place.name)
    assert ("took in 1 requests", "0.0045") == (ingest_usage.ingest_usage(tools), total(tools))


def test_a_failing_job_raises_so_that_somebody_hears_of_it(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    spool(tools, "a")
    monkeypatch.setattr(ingest_usage, "publish", lambda *_: (_ for _ in ()).throw(LedgerError("the state database is away")))
    with pytest.raises(LedgerError, match="the state database is away"):
        ingest_usage.ingest_usage(tools)


def test_two_who_drain_at_once_count_each_request_once(tools: Tools) -> None:
    spool(tools, *(f"s{number}" for number in range(20)))
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(drain(tools, tools.settings.spool, price_book()).requests)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (20, "0.0900") == (sum(found), total(tools))


@contextmanager
def api(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`finops-bot run --only api` as a process, and where it listens."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "FINOPS_"))}
    environ = kept | {"FINOPS_API_TOKENS": f"gateway={TOKEN}", "FINOPS_HTTP_ADDRESS": "127.0.0.1:0", "FINOPS_THREADS": "2"}
    log = folder / f"log-{time.time_ns()}"
    command: list[str | Path] = [sys.executable, "-m", "bot", "run", "--only", "api", "--config", folder]
    with log.open("wb") as written, subprocess.Popen(command, cwd=ROOT, env=environ, stdout=written, stderr=written) as process:
        try:
            found = eventually(lambda: re.search(r"on port (\d+)", log.read_text()) or process.poll() is not None)
            assert isinstance(found, re.Match), log.read_text()
            yield process, f"http://127.0.0.1:{found[1]}"
        finally:
            if process.poll() is None:
                process.kill()


def send(url: str, body: bytes) -> bool:
    request = urllib.request.Request(f"{url}/v1/usage", body, {"authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return bool(reply.status == 202)
    except (urllib.error.URLError, OSError):
        return False


def test_what_was_acknowledged_survives_kill_9_and_counts_once(tmp_path: Path) -> None:
    acknowledged = 0
    with api(tmp_path) as (process, url):
        killer = threading.Timer(1.5, lambda: process.send_signal(signal.SIGKILL))
        killer.start()
        while process.poll() is None:
            acknowledged += send(url, event(f"r{acknowledged}"))
    assert acknowledged > 10
    with api(tmp_path) as (process, url):
        assert send(url, b"".join(event(f"r{number}") for number in range(acknowledged)))  # the sender was not sure and repeats
        eventually(lambda: waiting(tmp_path / ".finops" / "spool").segments == 0)
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(20)
    with assemble(tmp_path, {"FINOPS_THREADS": "2"}, now=lambda: NOW) as bot:
        made = Tools(bot.ledger, NOW, bot.settings, bot.rulebook)
        drain(made, bot.settings.spool, price_book())
        assert total(made) in {f"{count * 0.0045:.4f}" for count in (acknowledged, acknowledged + 1)}  # the last reply may have been lost
