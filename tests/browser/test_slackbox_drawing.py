"""What Slack's markup and blocks look like on the page."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console
from tests.browser.recorded import NOW, Recorded, said, workspace

pytestmark = pytest.mark.browser
Show = Callable[..., Recorded]

MRKDWN = {
    "*bold* _it_ ~no~ `x*y*`": "<strong>bold</strong> <em>it</em> <s>no</s> <code>x*y*</code>",
    "*a _b_ c*": "<strong>a <em>b</em> c</strong>",
    "2*3*4 snake_case_name a ~ b": "2*3*4 snake_case_name a ~ b",
    "*not bold": "*not bold",
    "a &lt;b&gt; &amp;amp;": "a &lt;b&gt; &amp;amp;",
    "&gt; one\n&gt; two": "<blockquote>one<br>two</blockquote>",
    "• one\n• two": "<ul><li>one</li><li>two</li></ul>",
    "3. one\n4. two": "<ol><li>one</li><li>two</li></ol>",
    "```\nselect *a*\n```": "<pre><code>select *a*</code></pre>",
    "<@U0BRUNO001> <#C0ML000001> <!subteam^S0FINOPSAP> <!here>": "@Bruno Rossi #ml @finops-approvers @here",
    "<!date^1795132800^{date_num} {time}|later> <!date^oops^{date}|later>": "2026-11-20 12:00 AM later",
    ":warning: :+1: :nonsense:": "⚠️ 👍 :nonsense:",
}
BARE = """node => { const copy = node.cloneNode(true);
  for (const one of copy.querySelectorAll('span, time, button')) one.replaceWith(...one.childNodes);
  for (const one of copy.querySelectorAll('*')) for (const name of one.getAttributeNames()) one.removeAttribute(name);
  copy.normalize(); return copy.innerHTML; }"""


def test_mrkdwn_is_drawn_as_slack_does(page: Page, show: Show) -> None:
    show(workspace(*[said(text, at=NOW - 900 + i) for i, text in enumerate(MRKDWN)]))
    drawn = [node.evaluate(BARE) for node in page.locator(".message .text").all()]
    assert dict(zip(MRKDWN, drawn, strict=True)) == MRKDWN


def test_a_markdown_block_knows_what_models_write(page: Page, show: Show) -> None:
    text = "# Top\n**b** *i* ~~s~~ `c` [l](https://example.com) \\*x\\* 2*3\n\n- a\n  1. b\n\n> q\n\n---\n|n|\n|-:|\n|1|"
    show(workspace(said("x", blocks=[{"type": "markdown", "block_id": "1", "text": text}])))
    assert page.locator(".markdown").evaluate(BARE) == (
        "<h3>Top</h3><p><strong>b</strong> <em>i</em> <s>s</s> <code>c</code> <a>l</a> *x* 2*3</p>"
        "<ul><li>a<ol><li>b</li></ol></li></ul><blockquote><p>q</p></blockquote><hr>"
        "<div><table><thead><tr><th>n</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table></div>"
    )


def test_rich_text_is_drawn_element_by_element(page: Page, show: Show) -> None:
    leaf = [
        {"type": "text", "text": "b", "style": {"bold": True, "code": True}},
        {"type": "user", "user_id": "U0BRUNO001"},
        {"type": "emoji", "name": "unheard", "unicode": "1f680"},
        {"type": "date", "timestamp": 1795132800, "format": "{date_num}"},
        {"type": "broadcast", "range": "here"},
        {"type": "color", "value": "#ff0000"},
    ]
    part = {"type": "rich_text_section", "elements": leaf}
    nested = {"type": "rich_text_list", "style": "ordered", "offset": 2, "indent": 1, "elements": [part]}
    show(workspace(said("x", blocks=[{"type": "rich_text", "block_id": "1", "elements": [part, nested]}])))
    words = "<strong><code>b</code></strong>@Bruno Rossi🚀2026-11-20@here<svg><rect></rect></svg>#ff0000"
    assert page.locator(".rich").evaluate(BARE) == f"<div>{words}</div><ol><li>{words}</li></ol>"
    assert page.locator(".rich ol").get_attribute("start") == "3"


def test_every_other_block_is_drawn_and_an_unknown_one_says_so(page: Page, show: Show, console: Console) -> None:
    console.expected = ["chart type 'radar'"]
    plain = {"type": "plain_text", "text": "Words"}
    task = {"type": "task_card", "task_id": "1", "title": "Fetch", "status": "complete"}
    card = {
        "type": "card",
        "block_id": "c",
        "title": plain,
        "body": plain,
        "actions": [{"type": "button", "action_id": "b", "text": plain}],
    }
    blocks: list[dict[str, Any]] = [
        {"type": "header", "block_id": "1", "text": plain},
        {"type": "divider", "block_id": "2"},
        {"type": "context", "block_id": "3", "elements": [plain]},
        {"type": "alert", "block_id": "4", "level": "warning", "text": plain},
        card,
        {"type": "carousel", "block_id": "6", "elements": [card, card]},
        {
            "type": "container",
            "block_id": "7",
            "title": plain,
            "is_collapsible": True,
            "default_collapsed": True,
            "child_blocks": [{"type": "header", "block_id": "8", "text": plain}],
        },
        {"type": "plan", "block_id": "9", "title": "Plan", "tasks": [task]},
        {"type": "video", "block_id": "10", "title": plain, "video_url": "https://example.com/v", "alt_text": "A film"},
        {
            "type": "context_actions",
            "block_id": "11",
            "elements": [{"type": "icon_button", "action_id": "i", "icon": "trash", "text": plain}],
        },
        {"type": "hologram", "block_id": "12"},
        {"type": "data_visualization", "block_id": "13", "title": "x", "chart": {"type": "radar"}},
    ]
    show(workspace(said("x", blocks=blocks)))
    kinds = page.locator(".message-main > .blocks > .block").evaluate_all("all => all.map(one => one.dataset.type)")
    assert kinds == [*[block["type"] for block in blocks[:-2]], "unknown", "unknown"]
    child = page.locator(".container .block-header")
    assert not child.is_visible()
    page.locator(".container-head").click()
    assert child.is_visible()


def chart(kind: str, names: list[str], values: list[list[float]], title: str = "Cost") -> dict[str, Any]:
    """A chart block with series s0, s1, … over the names."""
    series = [
        {"name": f"s{i}", "data": [{"label": n, "value": v} for n, v in zip(names, row, strict=True)]} for i, row in enumerate(values)
    ]
    return {
        "type": "data_visualization",
        "block_id": "c",
        "title": title,
        "chart": {"type": kind, "series": series, "axis_config": {"categories": names}},
    }


def test_a_chart_says_its_numbers(page: Page, show: Show) -> None:
    show(workspace(said("x", blocks=[chart("line", ["Mon", "Tue"], [[1200.5, -3]], "Cost per day")])))
    assert page.locator("svg.plot").get_attribute("aria-label") == "line chart: Cost per day. s0: Mon 1,200.5, Tue −3."


def test_bars_are_as_high_as_their_values(page: Page, show: Show) -> None:
    show(workspace(said("x", blocks=[chart("bar", ["a", "b", "c"], [[100, 50, -50]])])))
    page.wait_for_selector(".bar")
    heights = page.locator(".bar").evaluate_all("all => all.map(bar => bar.getBBox().height)")
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.5)
    assert heights[1] == pytest.approx(heights[2], abs=0.5)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("count", [1, 7, 20])
def test_labels_never_overlap_and_nothing_leaves_the_chart(page: Page, show: Show, width: int, count: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    names = [f"long-category-{i:02d}" for i in range(count)]
    values = [[float(i * 1e5) for i in range(count)]] * 12
    show(workspace(said("x", blocks=[chart(kind, names, values) for kind in ("bar", "line", "area")])))
    for figure in page.locator(".chart").all():
        figure.locator(".category").first.wait_for()
        labels = figure.locator(".category").evaluate_all("all => all.map(one => one.getBoundingClientRect()).map(r => [r.left, r.right])")
        slanted = figure.locator(".category").first.get_attribute("transform") is not None
        gaps = [b[1] - a[1] if slanted else b[0] - a[1] for a, b in itertools.pairwise(labels)]
        assert min(gaps, default=99) >= (14 if slanted else 4)
        inside = figure.bounding_box()
        assert inside is not None
        assert min(left for left, _ in labels) >= inside["x"]
        assert max(right for _, right in labels) <= inside["x"] + inside["width"]


def test_pointing_at_a_chart_shows_the_value(page: Page, show: Show) -> None:
    show(workspace(said("x", blocks=[chart("bar", ["Mon", "Tue"], [[1200.5, 3], [7, 8]])])))
    page.locator("svg.plot").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".tip").inner_text().split("\n") == ["Mon", "s0", "1,200.5", "s1", "7"]


def test_a_pie_is_cut_by_share(page: Page, show: Show) -> None:
    pie = {"type": "pie", "segments": [{"label": "a", "value": 75}, {"label": "b", "value": 25}]}
    show(workspace(said("x", blocks=[{"type": "data_visualization", "block_id": "c", "title": "Share", "chart": pie}])))
    page.wait_for_selector(".slice")
    assert page.locator(".pie-legend li").all_inner_texts() == ["a\n75\n75%", "b\n25\n25%"]
    areas = page.locator(".slice").evaluate_all("all => all.map(one => one.getBBox().width)")
    assert areas[0] == pytest.approx(2 * areas[1], rel=0.02)


def table(count: int) -> dict[str, Any]:
    """`count` models; the dearer, the earlier in the alphabet."""
    cell = [
        [{"type": "raw_text", "text": f"m{i}"}, {"type": "raw_number", "value": 1000 - i * 9, "text": f"${1000 - i * 9}"}]
        for i in range(count)
    ]
    head = [{"type": "raw_text", "text": "Model"}, {"type": "raw_text", "text": "Cost"}]
    return {"type": "data_table", "block_id": "t", "caption": "By model", "page_size": 3, "rows": [head, *cell]}


def test_a_data_table_turns_pages_and_sorts_by_value(page: Page, show: Show) -> None:
    show(workspace(said("x", blocks=[table(7)])))
    firsts = page.locator(".grid tbody th")
    assert firsts.all_inner_texts() == ["m0", "m1", "m2"]
    page.get_by_role("button", name="Next page").click()
    assert firsts.all_inner_texts() == ["m3", "m4", "m5"]
    page.get_by_role("button", name="Cost", exact=True).click()
    page.get_by_role("button", name="Cost", exact=True).click()
    assert firsts.all_inner_texts() == ["m6", "m5", "m4"]
    assert page.locator("th[aria-sort=ascending]").inner_text() == "Cost"
    assert page.locator(".grid tbody td").first.evaluate("cell => getComputedStyle(cell).textAlign") == "right"


def test_an_update_leaves_page_sorting_and_focus_of_a_table_alone(page: Page, show: Show) -> None:
    message = said("x", blocks=[table(7)])
    recorded = show(workspace(message))
    page.get_by_role("button", name="Next page").focus()
    page.keyboard.press("Enter")
    recorded.show(workspace({**message, "edited": True}))
    page.wait_for_selector(".edited")
    assert page.locator(".pager").inner_text() == "4–6 of 7"
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Next page"


def test_an_open_menu_survives_an_update_of_its_message(page: Page, show: Show) -> None:
    option = {"text": {"type": "plain_text", "text": "Last 7 days"}, "value": "7d"}
    actions = {"type": "actions", "block_id": "b", "elements": [{"type": "static_select", "action_id": "period", "options": [option]}]}
    message = said("x", blocks=[actions])
    recorded = show(workspace(message))
    page.click("[data-action=period]")
    recorded.show(workspace({**message, "edited": True}))
    page.wait_for_selector(".edited")
    page.keyboard.press("Enter")
    expect(page.locator(".menu, [aria-busy]")).to_have_count(0)
    assert [(body["action_id"], body["selected_option"]) for _, body in recorded.posts] == [("period", option)]


def test_a_message_that_did_not_change_keeps_its_node(page: Page, show: Show) -> None:
    first = said("first", at=NOW - 500)
    recorded = show(workspace(first))
    page.evaluate("document.querySelector('.message').mark = 1")
    recorded.show(workspace(first, said("second", at=NOW - 10)))
    expect(page.locator(".message")).to_have_count(2)
    assert page.evaluate("document.querySelector('.message').mark") == 1


FROM_END = "(box => box.scrollHeight - box.scrollTop - box.clientHeight)(document.querySelector('.scroll'))"


def test_a_reader_further_up_is_not_moved_but_told(page: Page, show: Show) -> None:
    many = [said(f"line {i}", at=NOW - 9000 + i * 60) for i in range(60)]
    recorded = show(workspace(*many))
    assert page.evaluate(FROM_END) <= 1
    page.evaluate("document.querySelector('.scroll').scrollTop = 100")
    recorded.show(workspace(*many, said("newest", at=NOW)))
    page.get_by_role("button", name="New messages").click()
    expect(page.locator(".message").last).to_be_in_viewport()


def test_a_redraw_before_the_page_hears_of_a_scroll_does_not_pull_the_reader_down(page: Page, show: Show) -> None:
    show(workspace(*[said(f"line {i}", at=NOW - 9000 + i * 60) for i in range(60)]))
    redraw = "import('/page/store.js').then(store => { document.querySelector('.scroll').scrollTop = 100; store.changed(); })"
    page.evaluate(redraw)
    assert page.evaluate("document.querySelector('.scroll').scrollTop") == 100


def test_a_phone_shows_no_sideways_scroll(page: Page, show: Show) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    show(workspace(said("x" * 300), said("y", at=NOW - 60, blocks=[table(5), chart("bar", ["a"] * 1, [[1]])])))
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("button", name="Channels and people").click()
    page.locator("#sidebar").get_by_role("button", name="ml", exact=True).click()
    page.wait_for_selector("h1:has-text('ml')")
    assert not page.evaluate("document.body.classList.contains('drawer-open')")


def test_what_slack_and_the_app_say_in_passing_is_shown(page: Page, show: Show) -> None:
    state = workspace(
        said(
            "old style",
            attachments=[{"color": "#ff0000", "title": "Bill", "text": "*late*"}],
            reactions=[{"name": "eyes", "users": ["U0ANA00001"]}],
        )
    )
    state["notices"] = [{"id": "n1", "channel": "C0AICOSTS1", "text": "/cost failed", "at": NOW}]
    state["statuses"] = [{"channel": "C0AICOSTS1", "thread_ts": None, "text": "is fetching the bill…"}]
    show(state)
    assert page.locator(".notice").inner_text().startswith("/cost failed")
    assert page.locator(".status").inner_text() == "finops-bot is fetching the bill…"
    assert page.locator(".attachment").inner_text() == "Bill\nlate"
    assert page.locator(".reactions li.mine").inner_text() == "👀\n1"


def test_a_refused_click_is_told_under_its_message(page: Page, show: Show, console: Console) -> None:
    console.expected = ["409"]
    button = {"type": "button", "action_id": "go", "value": "1", "text": {"type": "plain_text", "text": "Go"}}
    recorded = show(workspace(said("x", blocks=[{"type": "actions", "block_id": "b", "elements": [button]}])))
    recorded.refusal = {"error": "element_not_found", "detail": "there is no 'go' in block 'b' as it stands now"}
    page.click("[data-action=go]")
    expect(page.locator(".message .trouble")).to_have_text("there is no 'go' in block 'b' as it stands now")
    assert page.evaluate("document.activeElement.dataset.action") == "go"


def test_dark_and_light_are_both_readable(page: Page, show: Show) -> None:
    show(workspace(said("plain <https://example.com|link> `code`", edited=True)))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert min(page.locator(".message .text, .link, .code, .edited, .time, .topic, .badge").evaluate_all(CONTRAST)) >= 4.5


CONTRAST = r"""all => {
  const linear = c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = css => {
    const [r, g, b] = css.match(/[\d.]+/g).map(n => linear(n / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = node => {
    for (; node; node = node.parentElement) {
      const css = getComputedStyle(node).backgroundColor;
      if (!css.endsWith(", 0)")) return css;
    }
  };
  const pair = node => [light(getComputedStyle(node).color), light(ground(node))].sort((a, b) => b - a);
  return all.map(pair).map(([a, b]) => (a + 0.05) / (b + 0.05));
}"""
