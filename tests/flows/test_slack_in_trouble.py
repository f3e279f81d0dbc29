"""Slack refuses, limits, loses and repeats: the person still gets one answer."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from bot.assemble import Tools
from tests.flows.slack import ANA, BRUNO, CHEN, COSTS, DORA, FINANCE, ML, Slack, connected, eventually, kinds, words

LIKE_THIS = "team=ml last 7d by=model"


def answered(slack: Slack) -> list[Any]:
    """How each attempt to answer a command ended."""
    return [line["error"] for line in slack.log("api", "response_url")]


def test_told_to_wait_the_bot_waits_and_posts_once(slack: Slack) -> None:
    answer = slack.type(f"/cost {LIKE_THIS}", channel=ML)
    slack.fault("chat.postMessage", status=429, retry_after=2)
    began, before = time.monotonic(), len(slack.log("api", "chat.postMessage"))
    assert "is now in" in slack.share(answer, channel=ML)
    assert time.monotonic() - began >= 2
    assert [line["status"] for line in slack.log("api", "chat.postMessage")[before:]] == [429, 200]


def test_told_to_wait_for_minutes_the_bot_says_so_instead(slack: Slack) -> None:
    answer = slack.type("/cost last 7d", channel=ML)
    slack.fault("chat.postMessage", status=429, retry_after=300)
    assert "(ratelimited)" in slack.share(answer, channel=ML)


def test_blocks_refused_are_sent_again_written_out(slack: Slack) -> None:
    slack.fault("response_url", error="invalid_blocks", status=404)
    answer = slack.type(f"/cost {LIKE_THIS}")
    assert not {"data_visualization", "data_table"} & set(kinds(answer))
    assert "claude-opus-4-8" in words(answer)
    assert answered(slack)[-2:] == ["invalid_blocks", None]


def test_blocks_refused_twice_leave_the_sentence(slack: Slack) -> None:
    slack.fault("response_url", error="invalid_blocks", status=404, times=2)
    answer = slack.type(f"/cost {LIKE_THIS}")
    assert ([], True) == (answer["blocks"], "team ml spent" in answer["text"])


def test_a_shared_post_refused_for_its_blocks_is_written_out_too(slack: Slack) -> None:
    answer = slack.type("/cost last 7d by=service", channel=COSTS)
    slack.fault("chat.postMessage", error="invalid_blocks")
    with slack.new(ANA, only=lambda message: not message["ephemeral"]) as seen:
        slack.share(answer)
    [shared] = seen
    assert shared["text"] == answer["text"]
    assert "data_table" not in kinds(shared)


@pytest.mark.parametrize("error", ["used_url", "expired_url"])
def test_a_response_url_that_is_over_gives_way_to_a_message(slack: Slack, error: str) -> None:
    slack.fault("response_url", error=error, status=404)
    answer = slack.type(f"/cost {LIKE_THIS}")
    assert answer["ephemeral"]
    assert "team ml spent" in words(answer)


def test_an_answer_can_be_edited_more_often_than_one_response_url_allows(slack: Slack) -> None:
    answer = slack.type("/cost last 7d by=team", CHEN)
    for label in ("By model", "By service", "By provider", "By env", "By account", "By team"):
        answer = slack.choose(answer, "by", label, CHEN)
    assert "by=team" in words(answer)


def test_an_answer_that_nothing_takes_is_logged_without_its_address(slack: Slack, caplog: pytest.LogCaptureFixture) -> None:
    slack.fault("response_url", error="used_url", status=404)
    slack.call("command", user=DORA, channel=FINANCE, text="/cost last 7d")  # the bot is no member of that channel
    eventually(lambda: "an answer could not be delivered" in caplog.text)
    assert "(channel_not_found)" in caplog.text
    assert "/respond/" not in caplog.text


def test_a_command_delivered_again_is_answered_once(slack: Slack) -> None:
    slack.type("/cost last 7d", ANA)
    before = slack.messages(ANA)
    slack.again(slack.log("delivery")[-1], times=2)
    assert slack.messages(ANA) == before


def test_an_event_slack_sends_again_is_answered_once(slack: Slack) -> None:
    with slack.new(DORA, only=lambda message: message["ephemeral"]) as seen:
        slack.call("message", user=DORA, channel=COSTS, text="@finops-bot last 7d")
    slack.again(slack.log("delivery")[-1], retry_num=1, times=3)
    assert [each["ts"] for each in slack.messages(DORA) if each["ephemeral"]] == [seen[0]["ts"]]


def test_after_a_dropped_connection_the_bot_comes_back(slack: Slack) -> None:
    slack.fault("socket")
    eventually(lambda: slack.service.connected() and slack.box.rig.wire and slack.box.rig.wire.connected())
    assert "All charges came to" in slack.ask("last 7d", ANA)


def test_a_home_that_slack_refuses_once_is_drawn_the_next_time(slack: Slack) -> None:
    slack.fault("views.publish", error="internal_error")
    slack.call("home", user=CHEN)
    eventually(lambda: slack.log("api", "views.publish"))
    slack.call("home", user=CHEN)
    assert eventually(lambda: slack.home(CHEN))


@pytest.fixture(scope="module")
def slow_files(tools: Tools) -> Iterator[Slack]:
    """A Slack that takes an hour to look at an upload."""
    with connected(tools, file_delay_seconds=3600.0) as slack:
        slack.service.slack.messenger._sleep = lambda _: None
        yield slack


def test_a_picture_that_is_not_ready_in_time_is_left_out(slow_files: Slack) -> None:
    answer = slow_files.type("/cost last 30d by=team")
    assert "image" not in kinds(answer)
    assert "data_table" in kinds(answer)


@pytest.mark.parametrize("method", ["upload", "files.getUploadURLExternal", "files.completeUploadExternal"])
def test_a_picture_that_cannot_be_uploaded_is_left_out(slack: Slack, method: str) -> None:
    slack.fault(method, error="internal_error", status=500)
    answer = slack.type("/cost last 30d by=team")
    assert "image" not in kinds(answer)
    assert "All charges came to" in words(answer)


def test_a_ledger_that_fails_gives_a_number_to_quote(slack: Slack, tools: Tools, caplog: pytest.LogCaptureFixture) -> None:
    hidden = tools.ledger.root.rename(tools.ledger.root.with_name("hidden"))
    try:
        answer = slack.ask("last 7d", BRUNO)
    finally:
        hidden.rename(tools.ledger.root)
    number = answer.partition("Quote ")[2].split()[0]
    assert f"failure {number}" in caplog.text
    assert str(tools.ledger.root) not in answer
    assert "All charges came to" in slack.ask("last 7d", BRUNO)
