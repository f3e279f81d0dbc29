"""The same bot over signed HTTP: what is not Slack's own, fresh and whole has no effect."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from bot.assemble import Tools
from bot.manifest import manifest
from bot.serve import Service
from bot.web import HttpServer
from finops.errors import UserError
from finops.secret import Secret
from finops.settings import Address
from slackbox.http_wire import FORM, signature
from slackbox.server import start
from slackbox.settings import Settings
from tests.conftest import free_port
from tests.flows.slack import ANA, BRUNO, COSTS, DORA, Slack, eventually, kinds, words


@pytest.fixture(scope="module")
def slack(tools: Tools) -> Iterator[Slack]:
    port = free_port()
    with start(Settings(manifest(), request_url=f"http://127.0.0.1:{port}/slack/events", rate_limits=False)) as box:
        tools.settings = replace(
            tools.settings,
            http_address=Address("127.0.0.1", port),
            slack_api_url=box.api_url,
            slack_bot_token=Secret(box.settings.bot_token),
            slack_signing_secret=Secret(box.settings.signing_secret),
        )
        service = Service(tools)
        service.start()
        yield Slack(box, service)
        service.stop()


def url(slack: Slack, path: str = "/slack/events") -> str:
    return f"http://127.0.0.1:{slack.service.http_port}{path}"


def send(slack: Slack, body: bytes, *, age: int = 0, secret: str | None = None) -> int:
    """Post `body` as Slack would, or as somebody who wants to be Slack; return the status."""
    signed = signature(secret or slack.box.settings.signing_secret, int(time.time()) - age, body)
    request = urllib.request.Request(url(slack), body, {"Content-Type": FORM, **signed})
    return status(request)


def status(request: urllib.request.Request | str) -> int:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def command(text: str = "last 7d", **more: str) -> bytes:
    """A command nobody typed; its answer could only come as a message of its own."""
    known = {"command": "/cost", "user_id": DORA, "channel_id": COSTS, "team_id": "T0LUMENLAB", "api_app_id": "A0FINOPSAP"}
    return urlencode(known | {"text": text, "response_url": "http://127.0.0.1:9/gone", "trigger_id": f"1.{time.time_ns()}"} | more).encode()


def test_a_command_is_answered_shared_and_edited_over_http(slack: Slack) -> None:
    answer = slack.type("/cost team=ml last 7d by=model")
    assert "team ml spent $8,512.87" in words(answer)
    assert "data_visualization" in kinds(answer)
    assert "is now in" in slack.share(answer)
    assert "by=provider" in words(slack.choose(answer, "by", "By provider"))


def test_a_mention_is_answered_over_http(slack: Slack) -> None:
    with slack.new(ANA, only=lambda message: message["ephemeral"]) as seen:
        slack.call("message", user=ANA, channel=COSTS, text="@finops-bot last 7d")
    assert "All charges came to" in words(seen[0])


@pytest.mark.parametrize(
    ("age", "secret", "expected"), [(0, None, 200), (290, None, 200), (310, None, 401), (-310, None, 401), (0, "another secret", 401)]
)
def test_only_what_slack_signed_within_five_minutes_is_taken(slack: Slack, age: int, secret: str | None, expected: int) -> None:
    before = len(slack.messages(DORA))
    assert expected == send(slack, command(), age=age, secret=secret)
    slack.settle()
    assert (1 if expected == 200 else 0) == len(slack.messages(DORA)) - before


@pytest.mark.parametrize(
    "headers",
    [{"X-Slack-Signature": "v0=0"}, {"X-Slack-Signature": ""}, {"X-Slack-Request-Timestamp": "soon"}, {"X-Slack-Request-Timestamp": "-1"}],
)
def test_a_broken_proof_is_refused(slack: Slack, headers: dict[str, str]) -> None:
    body = command()
    signed = signature(slack.box.settings.signing_secret, int(time.time()), body) | headers
    assert 401 == status(urllib.request.Request(url(slack), body, {"Content-Type": FORM, **signed}))


def test_a_request_without_proof_is_refused(slack: Slack) -> None:
    assert 401 == status(urllib.request.Request(url(slack), command(), {"Content-Type": FORM}))


def test_a_changed_body_is_refused(slack: Slack) -> None:
    body = command()
    signed = signature(slack.box.settings.signing_secret, int(time.time()), body)
    assert 401 == status(urllib.request.Request(url(slack), body + b"&text=mtd", {"Content-Type": FORM, **signed}))


def test_a_request_played_again_within_five_minutes_is_taken_without_effect(slack: Slack) -> None:
    before, body = len(slack.messages(DORA)), command()
    assert [200, 200, 200] == [send(slack, body) for _ in range(3)]
    slack.settle()
    assert 1 == len(slack.messages(DORA)) - before


def test_a_delivery_without_an_id_of_its_own_is_known_by_all_it_holds(slack: Slack) -> None:
    before, body = len(slack.messages(DORA)), command("last 30d", trigger_id="")
    assert [200, 200] == [send(slack, body) for _ in range(2)]
    assert 200 == send(slack, command("yesterday", trigger_id=""))
    slack.settle()
    assert 2 == len(slack.messages(DORA)) - before


def test_a_body_of_megabytes_is_refused(slack: Slack) -> None:
    assert 413 == send(slack, b"x" * (1024 * 1024 + 1))
    assert "All charges came to" in slack.ask("last 7d", BRUNO)


def test_a_body_that_is_no_text_is_refused(slack: Slack) -> None:
    assert 400 == send(slack, b"\xff\xfe\xfa")


def test_slack_may_probe_the_address(slack: Slack) -> None:
    assert 200 == status(url(slack) + "?ssl_check=1")
    assert 200 == status(urllib.request.Request(url(slack), b"ssl_check=1&token=x", {"Content-Type": FORM}))
    assert 405 == status(url(slack))


def test_the_address_is_verified_by_its_challenge(slack: Slack) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1a", "token": "x"}).encode()
    signed = signature(slack.box.settings.signing_secret, int(time.time()), body)
    request = urllib.request.Request(url(slack), body, {"Content-Type": "application/json", **signed})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.load(answer) == {"challenge": "3eZbrw1a"}


def test_the_health_page_answers(slack: Slack) -> None:
    with urllib.request.urlopen(url(slack, "/healthz"), timeout=20) as answer:
        assert json.load(answer) == {"ok": True, "socket_mode": None}
    assert 404 == status(url(slack, "/other"))


def test_a_port_in_use_is_named(slack: Slack) -> None:
    with pytest.raises(UserError, match=r"FINOPS_HTTP_ADDRESS=127\.0\.0\.1:\d+ cannot be listened on"):
        HttpServer(None, Address("127.0.0.1", slack.service.http_port or 0))


def test_an_event_without_an_answer_in_time_is_retried_by_slack_and_answered_once(slack: Slack) -> None:
    with slack.new(BRUNO, only=lambda message: message["ephemeral"]) as seen:
        slack.call("message", user=BRUNO, channel=COSTS, text="@finops-bot yesterday")
    slack.again(slack.log("delivery")[-1], retry_num=2)
    eventually(lambda: slack.log("delivery")[-1]["status"] == 200)
    assert seen[0]["ts"] == [each["ts"] for each in slack.messages(BRUNO) if each["ephemeral"]][-1]
