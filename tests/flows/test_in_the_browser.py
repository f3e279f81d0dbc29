"""The whole story as a person sees it: typed with the keyboard, read on the page, shared, seen by a colleague."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.chromium import browser, console, page
from tests.flows.slack import ANA, BRUNO, COSTS, DORA, Slack

__all__ = ["browser", "console", "page"]
pytestmark = pytest.mark.browser


def visit(page: Page, slack: Slack, user: str) -> None:
    page.goto(f"{slack.box.url}/?user={user}#/{COSTS}")
    page.wait_for_selector(".pane-head")


def ask(page: Page, text: str) -> Locator:
    page.locator("#composer").press_sequentially(text)
    page.keyboard.press("Enter")
    answer = page.locator(".message.ephemeral").last
    expect(answer.get_by_role("button", name="Share to channel")).to_be_visible()
    return answer


def test_a_question_is_typed_read_changed_shared_and_seen(page: Page, slack: Slack, tmp_path: Path) -> None:
    visit(page, slack, BRUNO)
    answer = ask(page, "/cost team=ml last 7d by=model")
    expect(answer).to_contain_text("team ml spent $8,512.87 (effective) in the last 7 days, 21–27 Sep")
    expect(answer.get_by_role("img").first).to_have_attribute("aria-label", chart_of("claude-opus-4-8"))
    expect(answer.get_by_role("table")).to_contain_text("claude-opus-4-8")
    page.screenshot(path=tmp_path / "answer.png", full_page=True)

    answer.get_by_text("Another period").click()
    page.get_by_role("option", name="Yesterday").click()
    expect(answer).to_contain_text("yesterday, 27 Sep")
    expect(answer).not_to_contain_text("in the last 7 days")

    answer.get_by_role("button", name="Share to channel").click()
    expect(page.locator(".message.ephemeral").last).to_contain_text("is now in")
    page.screenshot(path=tmp_path / "shared.png", full_page=True)

    visit(page, slack, DORA)
    expect(page.locator(".message")).to_have_count(1)
    expect(page.locator(".message")).to_contain_text("yesterday, 27 Sep")
    expect(page.locator(".message")).to_contain_text("Shared by @Bruno Rossi")
    expect(page.get_by_role("button", name="Share to channel")).to_have_count(0)
    page.screenshot(path=tmp_path / "seen.png", full_page=True)


def chart_of(series: str) -> re.Pattern[str]:
    """A chart that says in words what it shows."""
    return re.compile(rf"^(bar|line|area) chart: .*{re.escape(series)}.*\d")


def test_a_long_period_is_drawn_as_a_picture_with_words(page: Page, slack: Slack, tmp_path: Path) -> None:
    visit(page, slack, ANA)
    answer = ask(page, "/cost last 30d by=team")
    picture = answer.locator("img[alt*='search']")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 600
    page.screenshot(path=tmp_path / "picture.png", full_page=True)


def test_the_home_tab_shows_bills_and_examples(page: Page, slack: Slack, tmp_path: Path) -> None:
    visit(page, slack, ANA)
    page.locator("#sidebar").get_by_text("finops-bot").first.click()
    expect(page.locator("main")).to_contain_text("openai reaches 2026-09-27")
    expect(page.locator("main")).to_contain_text("/cost team=ml last 7d")
    page.screenshot(path=tmp_path / "home.png", full_page=True)


def test_a_mistake_says_what_was_meant(page: Page, slack: Slack, tmp_path: Path) -> None:
    visit(page, slack, BRUNO)
    page.locator("#composer").press_sequentially("/cost tem=ml last 7d")
    page.keyboard.press("Enter")
    expect(page.locator(".message.ephemeral").last).to_contain_text("team")
    page.screenshot(path=tmp_path / "mistake.png", full_page=True)
