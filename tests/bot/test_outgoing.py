"""How messages are rendered at the moment they are sent, which routes a process has, and who drives them."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.assemble import Tools, assemble
from bot.clockwork import runner
from bot.outgoing import RENDERERS, Courier, deliverer, routes, show
from finops.errors import LedgerError
from finops.ledger.outbox import counts, enqueue
from finops.ledger.state import writing
from jobs.registry import find
from jobs.routes import Content
from tests.fakes.smtp_server import SmtpServer

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[SmtpServer]:
    server = SmtpServer(tmp_path, offers_tls=False)
    with server.running():
        yield server


@pytest.fixture
def tools(tmp_path: Path, mail: SmtpServer) -> Iterator[Tools]:
    environ = {"FINOPS_THREADS": "1", "FINOPS_SMTP_URL": f"smtp://localhost:{mail.port}?tls=none", "FINOPS_MAIL_FROM": "finops@example.com"}
    with assemble(tmp_path, environ, lambda: NOON) as tools:
        yield tools


def put(tools: Tools, key: str, route: str, **payload: Any) -> None:
    with writing(tools.ledger.engine) as tx:
        enqueue(tx, key=key, route=route, kind="post", object_id="P-7", payload=payload, at=NOON)


def test_a_message_is_shown_as_things_stand_when_it_is_sent(tools: Tools) -> None:
    states = iter(["pending", "approved"])
    render = {"proposal": lambda _, identity, refer: Content(f"{identity} is {next(states)}")}
    payload = {"render": "proposal", "id": "P-7"}
    assert ["P-7 is pending", "P-7 is approved"] == [show(tools, payload, render).text for _ in range(2)]


def test_what_nothing_shows_is_a_mistake_with_the_nearest_name(tools: Tools) -> None:
    with pytest.raises(LedgerError, match=r"nothing shows a message of kind 'propsal'. Did you mean 'proposal'\?"):
        show(tools, {"render": "propsal", "id": "P-7"}, {"proposal": lambda *_: Content("")})


def test_a_fallback_says_where_it_should_have_gone(tools: Tools) -> None:
    failed = {"route": "slack:#ml", "why": "is_archived <x>"}
    content = show(tools, {"text": "over budget", "event": {"severity": "critical"}, "undelivered": failed})
    assert "over budget\nIt could not be delivered to slack:#ml: is_archived &lt;x&gt;." == content.text
    assert ("critical", "It could not be delivered to slack:#ml: is_archived <x>.") == (
        content.event["severity"],
        content.event["details"]["undelivered"],
    )


def test_a_process_without_a_slack_token_has_the_other_routes(tools: Tools) -> None:
    assert {"pagerduty", "email", "webhook"} == set(routes(tools))


def test_the_job_delivers_without_slack_and_tells_what_waits(tools: Tools, mail: SmtpServer) -> None:
    put(tools, "a", "email:ops@example.com", text="over budget")
    put(tools, "b", "slack:#ai-costs", text="over budget")
    run = runner(tools).by_hand(find("deliver-outbox"), NOON)
    assert "delivered 1; 1 wait" == run.result
    assert ["over budget"] == [each["Subject"] for each in mail.mails]


def test_a_route_nobody_configured_gives_up_rather_than_wait(tools: Tools) -> None:
    put(tools, "a", "pagerduty", text="x")
    put(tools, "b", "webhook:tickets", text="x")
    deliverer(tools).deliver()
    assert 2 == counts(tools.ledger.engine)["dead"]


def test_every_renderer_has_a_name_that_a_payload_can_hold() -> None:
    assert all(name.replace("_", "").isalpha() for name in RENDERERS)


class Counting:
    """A deliverer whose rounds last until they are let go."""

    def __init__(self) -> None:
        self.rounds, self.stopped = 0, False
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)

    def deliver(self) -> None:
        self.rounds += 1
        self.begun.release()
        assert self.go_on.acquire(timeout=5)
        if self.rounds == 1:
            raise ValueError("the database is away")

    def stop(self) -> None:
        self.stopped = True


def test_wakes_during_a_round_make_one_more_also_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    counting = Counting()
    courier = Courier(counting)
    courier.wake()
    assert counting.begun.acquire(timeout=5)
    for _ in range(3):
        courier.wake()
    counting.go_on.release()
    assert counting.begun.acquire(timeout=5)
    counting.go_on.release()
    courier.stop()
    courier.wake()
    assert (2, True) == (counting.rounds, counting.stopped)
    assert "the outbox could not be looked at" in caplog.text
