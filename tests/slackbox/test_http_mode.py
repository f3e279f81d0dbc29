"""A real Bolt app behind signed HTTP requests, with retries, replays and faults."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from slack_bolt import Ack, App, BoltRequest, Respond

from slackbox.server import Slackbox, start
from slackbox.settings import Settings
from tests.slackbox.conftest import ANA, COSTS, MANIFEST, Browser, client_of, eventually


@dataclass
class Server:
    """Hands HTTP requests to Bolt and remembers their headers; `failures` answers 500 that often first."""

    app: App | None = None
    failures: int = 0
    no_retry: bool = False
    delay: float = 0.0
    heard: list[dict[str, str]] = field(default_factory=list)

    def listen(self) -> ThreadingHTTPServer:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.heard.append({name.lower(): value for name, value in self.headers.items()})
                if outer.delay:  # by then the other side has hung up
                    time.sleep(outer.delay)
                    return
                status, answer, kind = outer.answer(body, self.headers.items())
                self.send_response(status)
                self.send_header("Content-Type", kind)
                if outer.no_retry:
                    self.send_header("X-Slack-No-Retry", "1")
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is given
                return

        return ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def answer(self, body: str, headers: Any) -> tuple[int, str, str]:
        if self.failures > 0:
            self.failures -= 1
            return 500, "broken", "text/plain"
        assert self.app is not None
        response = self.app.dispatch(BoltRequest(body=body, headers={name: [value] for name, value in headers}))
        return response.status, response.body, response.headers.get("content-type", ["text/plain"])[0]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def box(server: Server) -> Iterator[Slackbox]:
    listener = server.listen()
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
    thread.start()
    url = f"http://127.0.0.1:{listener.server_port}/slack/events"
    with start(Settings(MANIFEST, request_url=url, rate_limits=False, ack_seconds=0.4)) as running:
        server.app = bolt_app(running)
        yield running
    listener.shutdown()
    thread.join()
    listener.server_close()


def bolt_app(box: Slackbox) -> App:
    app = App(client=client_of(box), signing_secret=box.settings.signing_secret)

    @app.command("/cost")
    def cost(ack: Ack, command: dict[str, Any], respond: Respond) -> None:
        ack(f"you asked {command['text']}")
        respond(text="$42", response_type="in_channel")

    @app.event("app_mention")
    def mention(event: dict[str, Any]) -> None:
        return

    return app


def mention(browser: Browser) -> None:
    browser("message", user=ANA, channel=COSTS, text="@finops-bot hi")


def test_a_signed_command_is_taken_and_its_two_answers_shown(box: Slackbox, browser: Browser) -> None:
    assert browser("command", user=ANA, channel=COSTS, text="/cost all")["acked"]
    assert eventually(lambda: len(browser.messages(ANA)) == 2)
    assert {each["text"]: each["ephemeral"] for each in browser.messages(ANA)} == {"you asked all": True, "$42": False}


def test_a_wrong_secret_is_not_taken(box: Slackbox, browser: Browser, server: Server) -> None:
    server.app = App(client=client_of(box), signing_secret="another")
    assert (lambda answer: (answer["acked"], answer["status"]))(browser("command", user=ANA, channel=COSTS, text="/cost all")) == (
        False,
        401,
    )
    assert [each["text"] for each in browser.state(ANA)["notices"]] == ["/cost failed with the error “dispatch_failed”"]


def test_a_failed_event_is_sent_again_at_once_after_a_minute_and_after_five(box: Slackbox, browser: Browser, server: Server) -> None:
    server.failures = 9
    mention(browser)
    assert eventually(lambda: len(server.heard) == 2)
    browser("clock", advance_seconds=59)
    time.sleep(0.2)
    assert len(server.heard) == 2
    browser("clock", advance_seconds=1)
    assert eventually(lambda: len(server.heard) == 3)
    browser("clock", advance_seconds=300)
    assert eventually(lambda: len(server.heard) == 4)
    sent = [(each.get("x-slack-retry-num"), each.get("x-slack-retry-reason")) for each in server.heard]
    assert sent == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
    events = {line["payload"]["event_id"] for line in browser.log("delivery")}
    assert len(events) == 1


def test_a_late_event_is_sent_again_for_http_timeout(box: Slackbox, browser: Browser, server: Server) -> None:
    server.delay = 0.6
    mention(browser)
    assert eventually(lambda: len(server.heard) == 2)
    assert server.heard[1]["x-slack-retry-reason"] == "http_timeout"
    server.delay = 0


def test_an_app_may_ask_for_no_retry(box: Slackbox, browser: Browser, server: Server) -> None:
    server.failures, server.no_retry = 9, True
    mention(browser)
    assert eventually(lambda: server.heard)
    time.sleep(0.2)
    assert len(server.heard) == 1


def test_commands_are_not_sent_again(box: Slackbox, browser: Browser, server: Server) -> None:
    server.failures = 1
    browser("command", user=ANA, channel=COSTS, text="/cost all")
    time.sleep(0.2)
    assert len(server.heard) == 1


def test_a_past_delivery_can_be_repeated(box: Slackbox, browser: Browser, server: Server) -> None:
    browser("command", user=ANA, channel=COSTS, text="/cost all")
    line = browser.log("delivery")[0]
    again = browser("deliver", log_id=line["id"], times=2, retry_num=1)
    assert [each["status"] for each in again["deliveries"]] == [200, 200]
    assert [each["x-slack-retry-num"] for each in server.heard[1:]] == ["1", "1"]
    triggers = {each["payload"]["trigger_id"] for each in browser.log("delivery")}
    assert len(triggers) == 1


def test_the_log_holds_no_secrets(box: Slackbox, browser: Browser) -> None:
    browser("command", user=ANA, channel=COSTS, text="/cost xoxb-slackbox")
    assert eventually(lambda: browser.log("api"))
    text = str(browser.log())
    found = [secret for secret in (*box.rig.tickets.urls, "xoxb-slackbox", box.settings.signing_secret) if secret in text]
    assert found == []
