"""Response URLs and triggers by the clock: five uses in half an hour, three seconds and once."""

from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from slackbox.server import Slackbox
from tests.slackbox.conftest import ANA, BRUNO, COSTS, FINANCE, Browser
from tests.slackbox.test_web_api import error

TITLE = {"type": "plain_text", "text": "T"}
MODAL: dict[str, Any] = {"type": "modal", "title": TITLE, "blocks": []}


@pytest.fixture
def url(box: Slackbox) -> str:
    return f"{box.url}/respond/{box.rig.tickets.response_url(ANA, COSTS)}"


@pytest.fixture
def hook(url: str) -> WebhookClient:
    return WebhookClient(url)


def trigger(box: Slackbox) -> str:
    return box.rig.tickets.trigger(ANA)


def test_a_response_url_takes_five_answers(hook: WebhookClient, browser: Browser) -> None:
    answers = [hook.send(text=str(number)) for number in range(6)]
    assert [each.status_code for each in answers] == [200, 200, 200, 200, 200, 404]
    assert (answers[0].body, "used_url" in answers[5].body) == ("ok", True)
    assert [each["text"] for each in browser.messages(ANA)] == ["0", "1", "2", "3", "4"]


def test_a_response_url_lives_thirty_minutes(hook: WebhookClient, browser: Browser) -> None:
    browser("clock", advance_seconds=1799)
    assert hook.send(text="in time").status_code == 200
    browser("clock", advance_seconds=2)
    late = hook.send(text="late")
    assert (late.status_code, "expired_url" in late.body) == (404, True)


def test_refused_blocks_do_not_count_as_a_use(hook: WebhookClient) -> None:
    refused = [hook.send(text="x", blocks=[{"type": "marquee"}]) for _ in range(5)]
    assert {(each.status_code, "invalid_blocks" in each.body) for each in refused} == {(404, True)}
    assert hook.send(text="x").status_code == 200


def test_an_answer_is_for_the_user_unless_it_is_for_the_channel(hook: WebhookClient, browser: Browser) -> None:
    hook.send(text="for ana")
    hook.send(text="for all", response_type="in_channel")
    assert [each["text"] for each in browser.messages(ANA)] == ["for ana", "for all"]
    assert [each["text"] for each in browser.messages(BRUNO)] == ["for all"]


def test_the_first_answer_can_be_replaced_and_deleted(hook: WebhookClient, browser: Browser) -> None:
    hook.send(text="one")
    before = browser.messages(ANA)[0]["ts"]
    hook.send(text="two", replace_original=True)
    after = browser.messages(ANA)
    assert [(each["ts"], each["text"], each["ephemeral"]) for each in after] == [(before, "two", True)]
    hook.send(delete_original=True)
    assert browser.messages(ANA) == []


def test_an_answer_needs_no_membership(box: Slackbox, browser: Browser) -> None:
    token = box.rig.tickets.response_url(ANA, FINANCE)
    WebhookClient(f"{box.url}/respond/{token}").send(text="here")
    assert [each["text"] for each in browser.messages(ANA, FINANCE)] == ["here"]


def test_an_unknown_response_url_is_expired(box: Slackbox) -> None:
    assert "expired_url" in WebhookClient(f"{box.url}/respond/nothing").send(text="x").body


def test_an_ephemeral_message_that_was_clicked_is_edited_in_place(client: WebClient, browser: Browser) -> None:
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}, "value": "1"}
    sent = client.chat_postEphemeral(channel=COSTS, user=ANA, text="x", blocks=[{"type": "actions", "block_id": "b", "elements": [button]}])
    where = {"channel": COSTS, "ts": sent["message_ts"]}
    assert browser("interact", user=BRUNO, message=where, block_id="b", action_id="go")["error"] == "message_not_found"
    browser("interact", user=ANA, message=where, block_id="b", action_id="go")
    payload = browser.box.rig.sent[browser.log("delivery")[0]["id"]][1]
    WebhookClient(payload["response_url"]).send(text="done", replace_original=True)
    assert [(each["text"], each["ephemeral"]) for each in browser.messages(ANA)] == [("done", True)]


def test_a_trigger_opens_one_view(box: Slackbox, client: WebClient) -> None:
    name = trigger(box)
    client.views_open(trigger_id=name, view=MODAL)
    assert error(client.views_open, trigger_id=name, view=MODAL)["error"] == "exchanged_trigger_id"
    assert error(client.views_open, trigger_id="1.2.x", view=MODAL)["error"] == "invalid_trigger_id"


def test_a_trigger_lives_three_seconds(box: Slackbox, client: WebClient, browser: Browser) -> None:
    early, late = trigger(box), trigger(box)
    browser("clock", advance_seconds=2)
    client.views_open(trigger_id=early, view=MODAL)
    browser("clock", advance_seconds=2)
    assert error(client.views_open, trigger_id=late, view=MODAL)["error"] == "expired_trigger_id"


def test_three_views_lie_on_each_other_and_no_fourth(box: Slackbox, client: WebClient) -> None:
    client.views_open(trigger_id=trigger(box), view=MODAL)
    views = [client.views_push(trigger_id=trigger(box), view=MODAL)["view"] for _ in range(2)]
    assert views[1]["previous_view_id"] == views[0]["id"]
    assert views[0]["root_view_id"] == views[1]["root_view_id"]
    assert error(client.views_push, trigger_id=trigger(box), view=MODAL)["error"] == "push_limit_reached"


def test_an_external_id_is_one_views(box: Slackbox, client: WebClient) -> None:
    named = {**MODAL, "external_id": "one"}
    client.views_open(trigger_id=trigger(box), view=named)
    assert error(client.views_push, trigger_id=trigger(box), view=named)["error"] == "duplicate_external_id"
    assert client.views_update(external_id="one", view={**named, "title": {**TITLE, "text": "U"}})["view"]["title"]["text"] == "U"


def test_a_view_has_a_size_in_bytes(box: Slackbox, client: WebClient) -> None:
    fields = [{"type": "mrkdwn", "text": "é" * 1000}] * 10
    sections = [{"type": "section", "fields": fields}]
    assert client.views_open(trigger_id=trigger(box), view={**MODAL, "blocks": sections * 3})["ok"]
    assert error(client.views_open, trigger_id=trigger(box), view={**MODAL, "blocks": sections * 14})["error"] == "view_too_large"


def test_what_was_typed_stays_while_its_field_stays(box: Slackbox, client: WebClient, browser: Browser) -> None:
    menu = {"type": "static_select", "action_id": "team", "options": [{"text": TITLE, "value": "ml"}]}
    blocks = [{"type": "actions", "block_id": "who", "elements": [menu]}]
    view = client.views_open(trigger_id=trigger(box), view={**MODAL, "blocks": blocks})["view"]
    browser("interact", user=ANA, view=view["id"], block_id="who", action_id="team", selected_option={"value": "ml"})
    kept = client.views_update(view_id=view["id"], view={**MODAL, "blocks": [*blocks, {"type": "divider"}]})["view"]
    assert kept["state"]["values"]["who"]["team"]["selected_option"]["value"] == "ml"
    gone = client.views_update(view_id=view["id"], view=MODAL)["view"]
    assert gone["state"]["values"] == {}
