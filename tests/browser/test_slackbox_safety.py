"""Text from outside is text: nothing in a message, a name or an address can become code or pass for something else."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.recorded import BRUNO, NOW, Recorded, said, workspace

pytestmark = pytest.mark.browser
Show = Callable[..., Recorded]

ATTACKS = [
    "<img src=x onerror=window.pwned=1>",
    "<script>window.pwned=1</script>",
    "<svg onload=window.pwned=1>",
    '"><b onmouseover=window.pwned=1>',
]


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def blocks_with(text: str) -> list[dict[str, Any]]:
    """The same text wherever a block takes some."""
    plain = {"type": "plain_text", "text": text}
    rich = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    raw = {"type": "raw_text", "text": text}
    points = [{"label": text[:20], "value": 1}]
    chart = {
        "type": "bar",
        "series": [{"name": text[:20], "data": points}],
        "axis_config": {"categories": [text[:20]], "y_label": text[:50]},
    }
    option = {"text": plain, "value": text}
    return [
        {"type": "header", "block_id": "1", "text": plain},
        {
            "type": "section",
            "block_id": "2",
            "text": {"type": "mrkdwn", "text": text},
            "fields": [{"type": "mrkdwn", "text": escaped(text)}],
        },
        {"type": "markdown", "block_id": "3", "text": f"# {text}\n\n- {text}\n\n|a|\n|-|\n|{text}|\n\n```\n{text}\n```"},
        {"type": "rich_text", "block_id": "4", "elements": [rich, {"type": "rich_text_preformatted", "elements": rich["elements"]}]},
        {"type": "data_table", "block_id": "5", "caption": text, "rows": [[raw], [raw]]},
        {"type": "data_visualization", "block_id": "6", "title": text[:50], "chart": chart},
        {
            "type": "actions",
            "block_id": "7",
            "elements": [{"type": "static_select", "action_id": "a", "placeholder": plain, "options": [option]}],
        },
        {"type": "image", "block_id": "8", "image_url": f"/{text}", "alt_text": text, "title": plain},
        {"type": text, "block_id": "9"},
        {"type": "plan", "block_id": "10", "title": text, "tasks": [{"type": "task_card", "task_id": "1", "title": text, "status": text}]},
        {"type": "alert", "block_id": "11", "text": plain, "level": text},
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_markup_in_any_text_stays_text(page: Page, show: Show, console: Any, attack: str) -> None:
    console.expected = ["404"]  # the picture of that name is not there
    state = workspace(said(attack, by=BRUNO, at=NOW - 7200), said("fallback", blocks=blocks_with(attack)))
    state["users"][1]["real_name"] = attack
    state["channels"][0]["topic"] = attack
    state["notices"] = [{"id": "n1", "channel": state["channels"][0]["id"], "text": attack, "at": NOW - 60}]
    show(state)
    page.click("[data-type=actions] .select")
    page.wait_for_timeout(100)
    assert page.evaluate("window.pwned") is None
    assert page.locator("[onerror], [onload], [onmouseover], body script, main b").count() == 0
    assert page.locator(".block-header").inner_text() == attack


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//elsewhere.example",
    ],
)
def test_only_web_and_mail_addresses_become_links(page: Page, show: Show, address: str) -> None:
    rich = {"type": "rich_text_section", "elements": [{"type": "link", "url": address, "text": "rich"}]}
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}, "url": address}
    blocks: list[dict[str, Any]] = [
        {"type": "section", "block_id": "1", "text": {"type": "mrkdwn", "text": f"<{address}|here>"}},
        {"type": "markdown", "block_id": "2", "text": f"[md]({address.strip()})"},
        {"type": "rich_text", "block_id": "3", "elements": [rich]},
        {"type": "actions", "block_id": "4", "elements": [button]},
    ]
    recorded = show(workspace(said("x", blocks=blocks)))
    page.click("[data-action=go]")
    expect(page.locator("[aria-busy]")).to_have_count(0)
    assert page.locator("main .message a").count() == 0
    assert len(page.context.pages) == 1
    assert [verb for verb, _ in recorded.posts] == ["interact"]


def test_good_addresses_open_apart_from_the_page(page: Page, show: Show) -> None:
    show(workspace(said("<https://example.com/a?b=1&amp;c=2|web> <mailto:a@example.com|mail> https://example.com/bare.")))
    links = page.locator(".message a")
    assert links.evaluate_all("all => all.map(a => a.getAttribute('href'))") == [
        "https://example.com/a?b=1&c=2",
        "mailto:a@example.com",
        "https://example.com/bare",
    ]
    assert links.first.get_attribute("rel") == "noopener noreferrer nofollow"


def test_direction_overrides_cannot_disguise_a_name(page: Page, show: Show) -> None:
    state = workspace(
        said("invoice\u202efdp.exe", by=BRUNO),
        said("x", files=[{"id": "F1", "name": "a\u202egnp.exe", "title": "a\u202egnp.exe", "url": "/x", "mimetype": "", "alt_txt": ""}]),
    )
    show(state)
    assert page.locator(".message .text").first.inner_text() == "invoicefdp.exe"
    assert "\u202e" not in page.locator("body").inner_text()
    assert page.locator("a.file-card").get_attribute("download") == "agnp.exe"


def test_arabic_text_keeps_its_own_direction(page: Page, show: Show) -> None:
    show(workspace(said("تكلفة", by=BRUNO)))
    assert page.locator(".message .text").evaluate("node => getComputedStyle(node).direction") == "rtl"


def test_pictures_of_other_places_are_named_but_never_asked_for(page: Page, show: Show) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    show(
        workspace(
            said(
                "x", blocks=[{"type": "image", "block_id": "1", "image_url": "https://elsewhere.example/pixel.png", "alt_text": "Forecast"}]
            )
        )
    )
    assert page.get_by_role("img", name="Forecast").inner_text() == "Forecast"
    assert [url for url in asked if "elsewhere" in url] == []


def test_names_of_built_in_things_are_no_emoji_and_no_blocks(page: Page, show: Show) -> None:
    show(workspace(said(":constructor: :toString: :tada:", by=BRUNO), said("x", blocks=[{"type": "constructor", "block_id": "1"}])))
    assert page.locator(".message .text").first.inner_text() == ":constructor: :toString: 🎉"
    assert page.locator(".cannot-display").inner_text() == "This content can't be displayed · block type 'constructor'"
