"""A person in the browser, the local Slack, and a real Bolt app behind it."""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from slackbox.server import Slackbox
from tests.browser.conftest import Console

pytestmark = pytest.mark.browser
ANA, BRUNO, GUS = "U0ANA00001", "U0BRUNO001", "U0GUS00001"
COSTS, GENERAL, FINANCE = "C0AICOSTS1", "C0GENERAL1", "C0FINANCE1"
Json = dict[str, Any]


@pytest.fixture
def app(box: Slackbox) -> Iterator[App]:
    """A Bolt app in Socket Mode, connected."""
    bolt = App(client=WebClient(token=box.settings.bot_token, base_url=box.api_url))
    handler = SocketModeHandler(bolt, box.settings.app_token)
    handler.connect()  # type: ignore[no-untyped-call]
    yield bolt
    handler.close()  # type: ignore[no-untyped-call]


def visit(page: Page, box: Slackbox, user: str = ANA, place: str = COSTS) -> None:
    page.goto(f"{box.url}/?user={user}#/{place}")
    page.wait_for_selector(".pane-head")


def composer(page: Page, thread: bool = False) -> Any:
    return page.locator("#composer-thread" if thread else "#composer")


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(text: str) -> Json:
    return {"text": plain(text), "value": text.lower()}


def actions(*elements: Json) -> list[Json]:
    return [{"type": "actions", "block_id": "row", "elements": list(elements)}]


def button(action_id: str, text: str, **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain(text), "value": "P-1", **more}


def test_the_workspace_looks_like_slack(page: Page, box: Slackbox, app: App) -> None:
    visit(page, box)
    assert page.locator("h1").inner_text() == "ai-costs"
    assert page.locator(".topic").inner_text() == "What our AI costs"
    assert page.locator(".who-words").inner_text() == "You are ana (admin)"
    expect(page.locator(".health")).to_have_text("finops-bot connected")
    assert "finance" in page.locator("#sidebar").inner_text()


def test_a_command_is_answered_to_the_asker_only(page: Page, box: Slackbox, app: App) -> None:
    app.command("/cost")(lambda ack, body: ack(f"You asked for *{body['text']}*"))
    visit(page, box)
    composer(page).fill("/cost team=ml last 7d")
    composer(page).press("Enter")
    expect(page.locator(".message.ephemeral .text")).to_have_text("You asked for team=ml last 7d")
    expect(page.locator(".pending")).to_have_count(0)
    visit(page, box, BRUNO)
    expect(page.locator(".message")).to_have_count(0)


def test_a_slash_lists_the_commands_and_tab_completes(page: Page, box: Slackbox) -> None:
    visit(page, box)
    composer(page).press_sequentially("/co")
    expect(page.locator(".suggest-row")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    expect(composer(page)).to_have_value("/cost ")
    expect(page.locator(".command-hint")).to_have_text("/cost team=ml last 7d · Ask what AI costs")


def test_shift_enter_breaks_the_line_and_arrow_up_recalls(page: Page, box: Slackbox) -> None:
    visit(page, box)
    composer(page).press_sequentially("one")
    page.keyboard.press("Shift+Enter")
    composer(page).press_sequentially("two")
    page.keyboard.press("Enter")
    expect(page.locator(".message:not(.pending) .text")).to_have_text("onetwo")
    assert page.locator(".message .text br").count() == 1
    page.keyboard.press("ArrowUp")
    expect(composer(page)).to_have_value("one\ntwo")


def test_without_an_app_a_command_fails_in_words(page: Page, box: Slackbox) -> None:
    visit(page, box)
    expect(page.locator(".health")).to_have_text("finops-bot not connected")
    composer(page).fill("/cost")
    composer(page).press("Enter")
    expect(page.locator(".notice")).to_contain_text("/cost failed with the error")


def test_a_message_of_the_app_appears_at_once_and_its_edit_says_so(page: Page, box: Slackbox, app: App) -> None:
    visit(page, box)
    posted = app.client.chat_postMessage(channel=COSTS, text="ml: $12")
    expect(page.locator(".message .text")).to_have_text("ml: $12")
    expect(page.locator(".message .badge")).to_have_text("APP")
    app.client.chat_update(channel=COSTS, ts=str(posted["ts"]), text="ml: $13")
    expect(page.locator(".message .text")).to_have_text(re.compile(r"ml: \$13\s*\(edited\)"))


def test_a_button_asks_first_then_acts_and_keeps_the_focus(page: Page, box: Slackbox, app: App) -> None:
    confirm = {"title": plain("Sure?"), "text": plain("It slows search."), "confirm": plain("Yes"), "deny": plain("No")}
    row = actions(button("approve", "Approve", confirm=confirm))
    app.client.chat_postMessage(channel=COSTS, text="Approve?", blocks=row)
    clicks: list[Json] = []

    @app.action("approve")
    def approve(ack: Ack, body: Json, client: WebClient) -> None:
        ack()
        clicks.append(body["actions"][0])
        done = [{"type": "section", "block_id": "s", "text": {"type": "mrkdwn", "text": "approved by ana"}}]
        client.chat_update(channel=COSTS, ts=body["message"]["ts"], text="done", blocks=[*done, *row])

    visit(page, box)
    page.click("[data-action=approve]")
    page.get_by_role("button", name="No", exact=True).click()
    page.click("[data-action=approve]")
    page.get_by_role("button", name="Yes", exact=True).click()
    expect(page.locator(".section")).to_have_text("approved by ana")
    assert [(one["action_id"], one["value"]) for one in clicks] == [("approve", "P-1")]
    assert page.evaluate("document.activeElement.dataset.action") == "approve"


def test_choices_arrive_as_slack_sends_them(page: Page, box: Slackbox, app: App) -> None:
    heard: list[tuple[str, Any]] = []

    @app.action(re.compile("period|who|models|due|mode|more"))
    def note(ack: Ack, body: Json) -> None:
        ack()
        one = body["actions"][0]
        heard.append((one["action_id"], next(value for name, value in one.items() if name.startswith("selected_"))))

    app.client.chat_postMessage(
        channel=COSTS,
        text="choose",
        blocks=actions(
            {"type": "static_select", "action_id": "period", "placeholder": plain("Period"), "options": [option("Day"), option("Week")]},
            {"type": "users_select", "action_id": "who", "placeholder": plain("Who")},
            {
                "type": "multi_static_select",
                "action_id": "models",
                "placeholder": plain("Models"),
                "options": [option("A"), option("B"), option("C")],
            },
            {"type": "datepicker", "action_id": "due"},
            {"type": "radio_buttons", "action_id": "mode", "options": [option("Slow"), option("Fast")]},
            {"type": "overflow", "action_id": "more", "options": [option("Why"), option("Csv")]},
        ),
    )
    visit(page, box)
    settled = page.locator("[aria-busy]")
    page.click("[data-action=period]")
    page.get_by_role("option", name="Week").click()
    expect(settled).to_have_count(0)
    page.click("[data-action=who]")
    page.get_by_role("option", name="Bruno").click()
    expect(settled).to_have_count(0)
    page.click("[data-action=models]")
    page.get_by_role("option", name="A", exact=True).click()
    page.get_by_role("option", name="C", exact=True).click()
    page.keyboard.press("Escape")
    expect(settled).to_have_count(0)
    page.fill("[data-action=due]", "2026-11-22")
    expect(settled).to_have_count(0)
    page.get_by_label("Fast").check()
    expect(settled).to_have_count(0)
    page.click("[data-action=more]")
    page.get_by_role("menuitem", name="Csv").click()
    expect(settled).to_have_count(0)
    assert heard == [
        ("period", option("Week")),
        ("who", BRUNO),
        ("models", [option("A"), option("C")]),
        ("due", "2026-11-22"),
        ("mode", option("Fast")),
        ("more", option("Csv")),
    ]
    expect(page.locator("[data-action=period]")).to_have_text("Week")


THROTTLE: Json = {
    "type": "modal",
    "callback_id": "throttle",
    "title": plain("Throttle search"),
    "submit": plain("Throttle"),
    "blocks": [
        {"type": "input", "block_id": "why", "label": plain("Reason"), "element": {"type": "plain_text_input", "action_id": "text"}},
        {
            "type": "input",
            "block_id": "rps",
            "label": plain("Requests/s"),
            "element": {"type": "number_input", "action_id": "n", "is_decimal_allowed": False},
        },
        {
            "type": "input",
            "block_id": "until",
            "optional": True,
            "label": plain("Until"),
            "element": {"type": "static_select", "action_id": "s", "options": [option("Tonight")]},
        },
    ],
}


def test_a_modal_checks_shows_the_apps_errors_and_keeps_what_was_typed(page: Page, box: Slackbox, app: App) -> None:
    sent: list[Json] = []
    app.command("/cost")(lambda ack, body, client: (ack(), client.views_open(trigger_id=body["trigger_id"], view=THROTTLE)))

    @app.view("throttle")
    def submitted(ack: Ack, view: Json) -> None:
        sent.append(view["state"]["values"])
        if view["state"]["values"]["rps"]["n"]["value"] == "0":
            ack(response_action="errors", errors={"rps": "At least 1, or search stops."})
        else:
            ack()

    visit(page, box)
    composer(page).fill("/cost")
    composer(page).press("Enter")
    dialog = page.get_by_role("dialog", name="Throttle search")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    dialog.get_by_role("button", name="Throttle").click()
    expect(dialog.locator(".input-error:visible")).to_have_text(["Please complete this required field."] * 2)
    assert sent == []
    dialog.get_by_label("Reason").fill("too dear")
    dialog.get_by_label("Requests/s").fill("0")
    dialog.get_by_role("button", name="Throttle").click()
    expect(dialog.locator(".input-error:visible")).to_have_text(["At least 1, or search stops."])
    expect(dialog.get_by_label("Reason")).to_have_value("too dear")
    expect(dialog.get_by_label("Requests/s")).to_be_focused()
    dialog.get_by_label("Requests/s").fill("40")
    dialog.locator("[data-action=s]").click()
    page.get_by_role("option", name="Tonight").click()
    dialog.get_by_role("button", name="Throttle").click()
    expect(dialog).to_have_count(0)
    assert sent[-1] == {
        "why": {"text": {"type": "plain_text_input", "value": "too dear"}},
        "rps": {"n": {"type": "number_input", "value": "40"}},
        "until": {"s": {"type": "static_select", "selected_option": option("Tonight")}},
    }
    expect(composer(page)).to_be_focused()


def test_escape_closes_a_modal(page: Page, box: Slackbox, app: App) -> None:
    app.command("/cost")(lambda ack, body, client: (ack(), client.views_open(trigger_id=body["trigger_id"], view=THROTTLE)))
    visit(page, box)
    composer(page).fill("/cost")
    composer(page).press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert box.world.stacks.get(ANA, []) == []


def test_a_thread_opens_beside_and_takes_replies_but_no_commands(page: Page, box: Slackbox, app: App) -> None:
    root = app.client.chat_postMessage(channel=COSTS, text="Budget breach")
    visit(page, box)
    page.locator(".message").hover()
    page.get_by_role("button", name="Reply in thread").click()
    composer(page, thread=True).fill("/cost")
    composer(page, thread=True).press("Enter")
    expect(page.locator(".hint-error")).to_contain_text("don't work in threads")
    composer(page, thread=True).fill("on it")
    composer(page, thread=True).press("Enter")
    expect(page.locator("#thread .message:not(.pending) .text")).to_have_text(["Budget breach", "on it"])
    expect(page.locator("main .reply-count")).to_have_text("1 reply")
    app.client.chat_postMessage(channel=COSTS, thread_ts=str(root["ts"]), text="promised $410/h, measured $388/h")
    expect(page.locator("main .reply-count")).to_have_text("2 replies")
    page.keyboard.press("Escape")
    expect(page.locator("#thread")).to_be_hidden()


def test_acting_as_a_guest_hides_what_a_guest_may_not_see(page: Page, box: Slackbox) -> None:
    visit(page, box, place=FINANCE)
    page.locator(".who").click()
    page.get_by_role("option", name="Gus Meier").click()
    expect(page.locator(".who")).to_contain_text("gus (guest)")
    expect(page.locator("h1")).to_have_text("ai-costs")
    assert "finance" not in page.locator("#sidebar").inner_text()
    assert f"user={GUS}" in page.url


def test_a_bare_address_begins_as_the_first_person(page: Page, box: Slackbox, console: Console) -> None:
    console.expected = ["404"]
    page.goto(box.url)
    expect(page.locator(".who")).to_contain_text("ana (admin)")


def test_the_home_tab_is_drawn_when_opened_and_its_buttons_work(page: Page, box: Slackbox, app: App) -> None:
    def home(text: str) -> Json:
        words = {"type": "section", "block_id": "w", "text": {"type": "mrkdwn", "text": text}}
        return {"type": "home", "blocks": [words, *actions(button("refresh", "Refresh"))]}

    app.event("app_home_opened")(lambda event, client: client.views_publish(user_id=event["user"], view=home("*$13,464* this month")))
    app.action("refresh")(lambda ack, body, client: (ack(), client.views_publish(user_id=body["user"]["id"], view=home("refreshed"))))
    visit(page, box)
    page.locator("#sidebar").get_by_role("button", name="finops-bot").click()
    expect(page.locator(".home strong")).to_have_text("$13,464")
    page.click("[data-action=refresh]")
    expect(page.locator(".home .section")).to_have_text("refreshed")
    page.get_by_role("button", name="Messages", exact=True).click()
    expect(composer(page)).to_have_attribute("placeholder", "Message finops-bot")


def test_what_is_refused_is_told_under_the_message_and_can_be_tried_again(page: Page, box: Slackbox, console: Console) -> None:
    console.expected = ["409"]
    visit(page, box, place=GENERAL)
    composer(page).fill("too late")  # before: a page that knows lets nobody write
    box.world.channels[GENERAL].archived = True
    composer(page).press("Enter")
    expect(page.locator(".trouble")).to_contain_text("#general is archived")
    box.world.channels[GENERAL].archived = False
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".message:not(.pending) .text")).to_have_text("too late")
    expect(page.locator(".trouble")).to_have_count(0)


def png(width: int, height: int) -> bytes:
    """A white picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xff" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_an_uploaded_picture_is_shown(page: Page, box: Slackbox, app: App) -> None:
    visit(page, box)
    app.client.files_upload_v2(
        channel=COSTS, filename="forecast.png", title="Forecast", content=png(64, 32), alt_txt="Forecast to month-end"
    )
    picture = page.get_by_role("img", name="Forecast to month-end")
    expect(picture).to_be_visible()
    assert picture.evaluate("node => node.decode().then(() => [node.naturalWidth, node.naturalHeight])") == [64, 32]
