"""The running bot brings messages out by itself: by its clock, and at once when it is woken."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.assemble import Tools, assemble
from bot.clockwork import scheduler
from finops.ledger import runs
from finops.ledger.outbox import enqueue, reference_of
from finops.ledger.state import writing
from tests.flows.slack import BRUNO, Slack, connected, eventually


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    with assemble(tmp_path, {"FINOPS_THREADS": "1"}, lambda: datetime.fromtimestamp(time.time(), UTC)) as tools:
        yield tools


@pytest.fixture
def slack(tools: Tools) -> Iterator[Slack]:
    with connected(tools) as slack:
        yield slack


def put(tools: Tools, key: str) -> None:
    with writing(tools.ledger.engine) as tx:
        enqueue(tx, key=key, route="slack:#ai-costs", kind="post", object_id=key, payload={"text": key}, at=tools.now())


def test_a_change_that_wakes_the_courier_is_told_without_waiting_for_the_clock(tools: Tools, slack: Slack) -> None:
    put(tools, "woken")
    slack.service.slack.courier.wake()
    seen = eventually(lambda: [message for message in slack.messages(BRUNO) if message["text"] == "woken"])
    assert 1 == len(seen)
    assert eventually(lambda: reference_of(tools.ledger.engine, "woken"))


def test_the_clock_brings_messages_out_without_a_run_each_time(tools: Tools, slack: Slack) -> None:
    clock = scheduler(tools, slack.service.slack.client)
    clock.start()
    put(tools, "by the clock")
    try:
        assert eventually(lambda: "by the clock" in [message["text"] for message in slack.messages(BRUNO)])
    finally:
        clock.wait(20)
        clock.stop()
    assert 1 >= len(runs.history(tools.ledger.engine, "deliver-outbox"))
