"""A real Bolt app over Socket Mode: commands, clicks, modals and mentions."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from slack_bolt import Ack, App, Respond, Say
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from slackbox.server import Slackbox, start
from slackbox.settings import Settings
from tests.slackbox.conftest import ANA, BOT, BRUNO, COSTS, DORA, EVE, FINANCE, MANIFEST, PARTNER, Browser, client_of, eventually


def button(action: str, text: str, value: str) -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": text}, "value": value}


def modal(title: str, **fields: Any) -> dict[str, Any]:
    reason = {
        "type": "input",
        "block_id": "why",
        "label": {"type": "plain_text", "text": "Why"},
        "element": {"type": "plain_text_input", "action_id": "text"},
    }
    submit = {"type": "plain_text", "text": "Send"}
    return {
        "type": "modal",
        "callback_id": "reason",
        "title": {"type": "plain_text", "text": title},
        "submit": submit,
        "blocks": [reason],
        **fields,
    }


def bolt_app(client: WebClient) -> App:
    """A small app that does one of everything."""
    app = App(client=client, signing_secret="slackbox-signing-secret", process_before_response=False)

    @app.command("/cost")
    def cost(ack: Ack, command: dict[str, Any], respond: Respond, client: WebClient) -> None:
        if command["text"] == "ack":
            ack(text="seen", response_type="in_channel")
        elif command["text"] == "slow":
            time.sleep(0.8)
            ack()
        else:
            ack()
            respond(text="working")
            respond(text=f"{command['text']}: $42", replace_original=True)

    add_interactions(app)
    add_events(app)
    return app


def add_interactions(app: App) -> None:
    @app.action("approve")
    def approve(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        done = [{"type": "section", "text": {"type": "mrkdwn", "text": f"approved by <@{body['user']['id']}>"}}]
        client.chat_update(channel=body["channel"]["id"], ts=body["message"]["ts"], text="approved", blocks=done)

    @app.action("ask")
    def ask(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=modal("Reason"))

    @app.view("reason")
    def reason(ack: Ack, view: dict[str, Any]) -> None:
        text = view["state"]["values"]["why"]["text"]["value"]
        if text == "no":
            ack(response_action="errors", errors={"why": "Say more."})
        elif text == "again":
            ack(response_action="update", view=modal("Again"))
        elif text == "deeper":
            ack(response_action="push", view=modal("Deeper"))
        elif text == "enough":
            ack(response_action="clear")
        else:
            ack()


def add_events(app: App) -> None:
    @app.event("app_mention")
    def mention(event: dict[str, Any], say: Say) -> None:
        say(text=f"<@{event['user']}> said: {event['text']}", thread_ts=event["ts"])

    @app.event("message")
    def direct(event: dict[str, Any], say: Say) -> None:
        say(text="hello back")

    @app.event("app_home_opened")
    def home(event: dict[str, Any], client: WebClient) -> None:
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [{"type": "divider"}]})


@pytest.fixture(scope="module")
def running() -> Iterator[Slackbox]:
    with start(Settings(MANIFEST, rate_limits=False, ack_seconds=0.5)) as running:
        handler = SocketModeHandler(bolt_app(client_of(running)), running.settings.app_token)
        handler.connect()  # type: ignore[no-untyped-call]
        assert eventually(lambda: running.rig.wire is not None and running.rig.wire.connected())
        yield running
        handler.close()  # type: ignore[no-untyped-call]


def post_buttons(client: WebClient) -> dict[str, Any]:
    elements = [button("approve", "Approve", "P-1"), button("ask", "Ask", "P-1")]
    sent = client.chat_postMessage(channel=COSTS, text="Approve?", blocks=[{"type": "actions", "block_id": "decide", "elements": elements}])
    return {"channel": COSTS, "ts": sent["ts"]}


def test_a_command_is_answered_and_the_answer_replaced(box: Slackbox, browser: Browser) -> None:
    assert browser("command", user=ANA, channel=COSTS, text="/cost team=ml")["acked"]
    assert eventually(lambda: [each["text"] for each in browser.messages(ANA)] == ["team=ml: $42"])
    assert browser.messages(BRUNO) == []


def test_an_answer_reaches_a_channel_the_bot_is_not_in(box: Slackbox, browser: Browser) -> None:
    browser("command", user=ANA, channel=FINANCE, text="/cost all")
    assert eventually(lambda: [each["text"] for each in browser.messages(ANA, FINANCE)] == ["all: $42"])


def test_the_body_of_an_acknowledgement_becomes_a_message(box: Slackbox, browser: Browser) -> None:
    browser("command", user=ANA, channel=COSTS, text="/cost ack")
    assert [each["text"] for each in browser.messages(BRUNO)] == ["seen"]


def test_a_late_acknowledgement_is_a_timeout_for_the_user_alone(box: Slackbox, browser: Browser) -> None:
    answer = browser("command", user=ANA, channel=COSTS, text="/cost slow")
    assert (answer["acked"], answer["reason"]) == (False, "http_timeout")
    assert [each["text"] for each in browser.state(ANA)["notices"]] == ["/cost failed with the error “operation_timeout”"]
    assert browser.state(BRUNO)["notices"] == []


def test_an_unknown_command_is_slacks_to_refuse(box: Slackbox, browser: Browser) -> None:
    assert not browser("command", user=ANA, channel=COSTS, text="/coost")["delivered"]
    assert browser.state(ANA)["notices"][0]["text"].startswith("/coost is not a valid command")


def test_a_command_in_a_thread_is_refused(box: Slackbox, browser: Browser) -> None:
    ts = browser("message", user=ANA, channel=COSTS, text="hello")["ts"]
    browser("command", user=ANA, channel=COSTS, text="/cost all", thread_ts=ts)
    assert [each["text"] for each in browser.state(ANA)["notices"]] == ["/cost is not supported in threads. Sorry!"]


def test_names_in_a_command_become_ids(box: Slackbox, browser: Browser) -> None:
    browser("command", user=ANA, channel=COSTS, text="/cost who=@bruno in=#ml a<b")
    sent = browser.log("delivery")[0]["payload"]["text"]
    assert f"who=<@{BRUNO}|bruno> in=<#C0ML000001|ml> a&lt;b" == sent


def test_people_of_another_company_cannot_use_the_command(box: Slackbox, browser: Browser) -> None:
    assert not browser("command", user=EVE, channel=PARTNER, text="/cost all")["delivered"]


def test_a_click_edits_the_message(box: Slackbox, browser: Browser) -> None:
    message = post_buttons(client_of(box))
    browser("interact", user=ANA, message=message, block_id="decide", action_id="approve")
    assert eventually(lambda: browser.messages(BRUNO)[0]["text"] == "approved")
    after = browser.messages(BRUNO)[0]
    assert (True, f"approved by <@{ANA}>") == (after["edited"], after["blocks"][0]["text"]["text"])
    gone = browser("interact", user=DORA, message=message, block_id="decide", action_id="approve")
    assert (gone["status"], gone["error"]) == (409, "element_not_found")


def test_two_people_may_click_at_once(box: Slackbox, browser: Browser) -> None:
    message = post_buttons(client_of(box))
    clicks = [
        threading.Thread(
            target=browser, args=("interact",), kwargs={"user": user, "message": message, "block_id": "decide", "action_id": "approve"}
        )
        for user in (ANA, DORA)
    ]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert eventually(lambda: browser.messages(ANA)[0]["text"] == "approved")


def open_modal(box: Slackbox, browser: Browser) -> dict[str, Any]:
    message = post_buttons(client_of(box))
    browser("interact", user=ANA, message=message, block_id="decide", action_id="ask", value="P-1")
    assert eventually(lambda: browser.state(ANA)["views"])
    view: dict[str, Any] = browser.state(ANA)["views"][-1]
    return view


def fill(browser: Browser, view: dict[str, Any], text: str) -> dict[str, Any]:
    return browser("submit", user=ANA, view=view["id"], state={"why": {"text": {"type": "plain_text_input", "value": text}}})


def test_a_modal_opens_for_whoever_clicked_and_closes_when_sent(box: Slackbox, browser: Browser) -> None:
    view = open_modal(box, browser)
    assert browser.state(BRUNO)["views"] == []
    assert fill(browser, view, "it is cheaper")["acked"]
    assert browser.state(ANA)["views"] == []


def test_a_modal_shows_the_errors_of_the_app(box: Slackbox, browser: Browser) -> None:
    view = open_modal(box, browser)
    assert fill(browser, view, "no")["errors"] == {"why": "Say more."}
    assert browser.state(ANA)["views"][0]["errors"] == {"why": "Say more."}


def test_a_required_field_left_empty_is_not_sent(box: Slackbox, browser: Browser) -> None:
    view = open_modal(box, browser)
    refused = browser("submit", user=ANA, view=view["id"], state={})
    assert (refused["status"], refused["errors"]) == (400, {"why": "Please complete this required field."})


def test_a_modal_is_updated_pushed_and_cleared(box: Slackbox, browser: Browser) -> None:
    view = open_modal(box, browser)
    fill(browser, view, "again")
    assert [each["title"]["text"] for each in browser.state(ANA)["views"]] == ["Again"]
    fill(browser, view, "deeper")
    top = browser.state(ANA)["views"][-1]
    assert [each["title"]["text"] for each in browser.state(ANA)["views"]] == ["Again", "Deeper"]
    fill(browser, top, "deeper")
    third = browser.state(ANA)["views"][-1]
    assert fill(browser, third, "deeper")["refused"] == "push_limit_reached"
    fill(browser, third, "enough")
    assert browser.state(ANA)["views"] == []


def test_a_mention_is_answered_in_its_thread(box: Slackbox, browser: Browser) -> None:
    ts = browser("message", user=BRUNO, channel=COSTS, text="@finops-bot what about <ml>?")["ts"]
    assert eventually(lambda: len(browser.messages(ANA)) == 2)
    answer = browser.messages(ANA)[1]
    assert (ts, f"<@{BRUNO}> said: <@{BOT}> what about &lt;ml&gt;?") == (answer["thread_ts"], answer["text"])


def test_a_direct_message_is_heard_and_the_bot_does_not_answer_itself(box: Slackbox, browser: Browser) -> None:
    direct = "D" + ANA[1:]
    browser("message", user=ANA, channel=direct, text="hello")
    assert eventually(lambda: [each["text"] for each in browser.messages(ANA, direct)] == ["hello", "hello back"])
    assert eventually(lambda: [line["status"] for line in browser.log("delivery")] == [200, 200])


def test_the_home_tab_is_drawn_when_it_is_opened(box: Slackbox, browser: Browser) -> None:
    assert browser.state(ANA)["home"]["blocks"] == []
    browser("home", user=ANA)
    assert eventually(lambda: [each["type"] for each in browser.state(ANA)["home"]["blocks"]] == ["divider"])


def test_a_dropped_socket_comes_back(box: Slackbox, browser: Browser) -> None:
    browser("fault", method="socket")
    assert eventually(lambda: browser.state(ANA)["app"]["connected"], 10)
    assert eventually(lambda: browser("command", user=ANA, channel=COSTS, text="/cost ack")["acked"])
