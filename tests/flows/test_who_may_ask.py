"""Figures are for full, active members of our own workspace, whatever way they ask."""

from typing import Any

import pytest

from bot.people import NotAllowedError, People, Us, who_we_are
from finops.errors import FinopsError, UserError
from tests.flows.slack import ANA, BOT, BRUNO, CHEN, DORA, EVE, GUEST, PARTNER, TOM, Slack, eventually, words


def test_a_guest_is_told_why_there_are_no_figures(slack: Slack) -> None:
    answer = slack.ask("last 7d", GUEST)
    assert "you are a guest in this workspace; ask a member to share" in answer
    assert "$" not in answer


def test_a_partner_who_mentions_the_bot_gets_no_figures(slack: Slack) -> None:
    with slack.new(EVE, PARTNER, only=lambda message: message["ephemeral"]) as seen:
        slack.call("message", user=EVE, channel=PARTNER, text="@finops-bot last 7d")
    assert "you belong to another workspace" in words(seen[0])


def test_a_guest_sees_no_bills_on_the_home_tab(slack: Slack) -> None:
    slack.call("home", user=GUEST)
    shown = words({"text": "", "blocks": eventually(lambda: slack.home(GUEST))})
    assert "you are a guest" in shown
    assert "openai" not in shown


def test_when_slack_does_not_say_who_asks_there_are_no_figures_and_the_next_try_is_a_new_one(slack: Slack) -> None:
    slack.fault("users.info", error="internal_error")
    assert "does not say who you are (internal_error)" in slack.ask("last 7d", DORA)
    assert "All charges came to" in slack.ask("last 7d", DORA)


def test_a_guest_who_clicks_share_posts_nothing(slack: Slack) -> None:
    answer = slack.type("/cost last 7d", CHEN)
    slack.service.slack.people._known.clear()
    with slack.becoming(CHEN, role="guest"):
        assert "you are a guest" in slack.share(answer, CHEN)
    assert [message for message in slack.messages(ANA) if not message["ephemeral"]] == []


@pytest.fixture
def time_of_day() -> list[float]:
    return [0.0]


@pytest.fixture
def people(slack: Slack, time_of_day: list[float]) -> People:
    client = slack.service.slack.client
    return People(client, lambda: time_of_day[0], who_we_are(client))


@pytest.mark.parametrize(
    ("user", "why"), [(TOM, "deactivated"), (BOT, "bots"), (EVE, "another workspace"), ("U0NOBODY01", "user_not_found")]
)
def test_nobody_else_may_ask(people: People, user: str, why: str) -> None:
    with pytest.raises(NotAllowedError, match=why):
        people.may_ask(user)


def test_a_person_is_remembered_for_ten_minutes(people: People, slack: Slack, time_of_day: list[float]) -> None:
    assert people.may_ask(BRUNO).id == BRUNO
    with slack.becoming(BRUNO, deleted=True):
        assert people.may_ask(BRUNO).id == BRUNO
        time_of_day[0] = 601
        with pytest.raises(NotAllowedError, match="deactivated"):
            people.may_ask(BRUNO)


def colleague(enterprise: str) -> dict[str, Any]:
    return {"team_id": "T0OTHER", "enterprise_user": {"enterprise_id": enterprise}}


@pytest.mark.parametrize(("enterprise", "ours"), [("E1", True), ("E2", False)])
def test_on_enterprise_grid_the_organisation_counts(slack: Slack, enterprise: str, ours: bool) -> None:
    people = People(slack.service.slack.client, lambda: 0.0, Us("T0LUMENLAB", BOT, enterprise="E1"))
    assert ours == people._is_ours(colleague(enterprise))


def test_a_token_that_does_not_work_is_named(slack: Slack) -> None:
    slack.fault("auth.test", error="invalid_auth")
    with pytest.raises(UserError, match=r"SLACK_BOT_TOKEN does not work \(invalid_auth\)"):
        who_we_are(slack.service.slack.client)


def test_a_slack_that_is_down_is_not_our_callers_mistake(slack: Slack) -> None:
    slack.fault("auth.test", status=503)
    with pytest.raises(FinopsError, match="Slack does not answer at") as told:
        who_we_are(slack.service.slack.client)
    assert told.value.exit_code == 1
