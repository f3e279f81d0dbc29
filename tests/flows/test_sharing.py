"""Share to channel: once, by name, with the figures that were seen, and never where an outsider reads."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.assemble import Tools
from jobs.ingest_bills import delivered, ingest_files
from tests.flows.conftest import NOW, copied
from tests.flows.slack import (
    ANA,
    BRUNO,
    CHEN,
    COSTS,
    DORA,
    FINANCE,
    GENERAL,
    ML,
    PARTNER,
    SEARCH,
    Slack,
    connected,
    kinds,
    question_id,
    words,
)


def posted(slack: Slack, channel: str = COSTS) -> list[str]:
    """What everybody in the channel sees."""
    return [words(message) for message in slack.messages(ANA, channel) if not message["ephemeral"]]


def headline(text: str) -> str:
    return text.splitlines()[0]


def test_a_shared_answer_is_the_one_that_was_seen_and_says_by_whom(slack: Slack) -> None:
    answer = slack.type("/cost team=ml last 7d by=model", channel=COSTS)
    with slack.new(DORA, only=lambda message: not message["ephemeral"]) as seen:
        assert "is now in" in slack.share(answer)
    [shared] = seen
    assert (answer["text"], question_id(answer)) == (shared["text"], question_id(shared))
    assert f"Shared by <@{BRUNO}>" in words(shared)
    assert "actions" not in kinds(shared)


def test_however_often_it_is_clicked_it_is_posted_once(slack: Slack) -> None:
    answer = slack.type("/cost last 7d", channel=GENERAL)
    clicks = [threading.Thread(target=slack.click, args=(answer, "share", BRUNO, GENERAL)) for _ in range(3)]
    with slack.new(BRUNO, GENERAL, only=lambda message: message["ephemeral"]):
        for click in clicks:
            click.start()
        for click in clicks:
            click.join()
    slack.settle()
    assert "was shared here before" in slack.share(answer, channel=GENERAL)
    assert len(posted(slack, GENERAL)) == 1


def test_the_same_click_delivered_again_does_nothing(slack: Slack) -> None:
    answer = slack.type("/cost yesterday", channel=ML)
    slack.share(answer, channel=ML)
    before = slack.messages(BRUNO, ML)
    slack.again(slack.log("delivery")[-1], times=3)
    assert slack.messages(BRUNO, ML) == before


def test_an_answer_lost_on_its_way_back_is_not_posted_twice(slack: Slack) -> None:
    answer = slack.type("/cost mtd", user=DORA, channel=SEARCH)
    slack.fault("chat.postMessage", drop_response=True)
    assert "Slack did not say whether it posted the answer" in slack.share(answer, DORA, SEARCH)
    assert "was shared here before" in slack.share(answer, DORA, SEARCH)
    assert [message["text"] for message in slack.messages(CHEN, SEARCH)] == [answer["text"]]


def test_where_the_bot_is_no_member_it_says_how_to_invite_it_and_the_button_works_afterwards(slack: Slack) -> None:
    answer = slack.type("/cost last 7d", DORA, FINANCE)
    assert "/invite @finops-bot" in slack.share(answer, DORA, FINANCE)
    slack.box.world.channels[FINANCE].members.append(slack.box.world.bot_user)
    assert "is now in" in slack.share(answer, DORA, FINANCE)


def test_a_channel_shared_with_another_company_gets_no_figures(slack: Slack) -> None:
    answer = slack.type("/cost last 7d", ANA, PARTNER)
    assert "shared with another company" in slack.share(answer, ANA, PARTNER)
    assert posted(slack, PARTNER) == []


def test_when_slack_does_not_say_who_reads_a_channel_nothing_is_posted(slack: Slack) -> None:
    answer = slack.type("/cost last 7d", channel=COSTS)
    before = posted(slack)
    slack.fault("conversations.info", error="internal_error")
    assert "does not say who reads this channel (internal_error)" in slack.share(answer)
    assert posted(slack) == before


def test_a_post_slack_refuses_is_told_with_its_reason_and_can_be_tried_again(slack: Slack) -> None:
    answer, before = slack.type("/cost last 30d", channel=COSTS), len(posted(slack))
    slack.fault("chat.postMessage", error="restricted_action")
    assert "(restricted_action); try again" in slack.share(answer)
    assert len(posted(slack)) == before
    assert "is now in" in slack.share(answer)
    assert len(posted(slack)) == before + 1


def test_a_direct_message_is_no_place_to_share(slack: Slack) -> None:
    direct = "D" + BRUNO[1:]
    answer = slack.type("/cost last 7d", BRUNO, direct)
    assert "direct message" in slack.share(answer, BRUNO, direct)


@pytest.fixture
def own(loaded: Path, tmp_path: Path) -> Iterator[Tools]:
    """A ledger that a test may deliver to."""
    with copied(loaded, tmp_path) as tools:
        yield tools


def test_bills_corrected_since_do_not_change_what_is_shared(own: Tools, sample_bills: Path) -> None:
    with connected(own) as slack:
        answer = slack.type("/cost last 7d by=provider")
        later = NOW + timedelta(hours=1)
        delivery = delivered(None, later, "test", accept=True)
        ingest_files(own.ledger, [sample_bills / "gcp.parquet"], "focus", delivery=delivery, source="aws")
        own.now = lambda: later
        assert "is now in" in slack.share(answer)
        assert headline(posted(slack)[0]) == headline(words(answer))
        assert headline(slack.ask("last 7d by=provider")) != headline(words(answer))
