"""A real browser on a real local Slack; a line on the browser's console as error or warning fails the test."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from slackbox.server import Slackbox, start
from slackbox.settings import Settings
from tests.browser.recorded import Json, Recorded, serving
from tests.conftest import absent

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MANIFEST: dict[str, Any] = {
    "display_information": {"name": "finops-bot"},
    "features": {
        "bot_user": {"display_name": "finops-bot"},
        "slash_commands": [
            {"command": "/cost", "description": "Ask what AI costs", "usage_hint": "team=ml last 7d", "should_escape": True},
            {"command": "/cost-help", "description": "How to ask"},
        ],
        "app_home": {"home_tab_enabled": True},
    },
    "oauth_config": {
        "scopes": {"bot": ["commands", "chat:write", "files:write", "files:read", "users:read", "channels:read", "groups:read", "im:write"]}
    },
    "settings": {
        "event_subscriptions": {"bot_events": ["app_mention", "message.im", "app_home_opened"]},
        "interactivity": {"is_enabled": True},
    },
}


@dataclass
class Console:
    """What the browser complained about; `expected` names the complaints a test provokes on purpose."""

    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    @property
    def surprises(self) -> list[str]:
        return [line for line in self.complaints if not any(part in line for part in self.expected)]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a worker."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        absent("Chromium")
        return
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def page(browser: Browser, console: Console) -> Iterator[Page]:
    """A fresh page, 1280 wide, in UTC."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, timezone_id="UTC", locale="en-US", reduced_motion="reduce")
    context.set_default_timeout(8000)
    tab = context.new_page()
    tab.on("console", console.hear)
    tab.on("pageerror", lambda error: console.complaints.append(str(error)))
    yield tab
    context.close()
    assert console.surprises == []


@pytest.fixture
def box(page: Page) -> Iterator[Slackbox]:
    """A local Slack that hosts finops-bot, with nobody connected yet."""
    with start(Settings(manifest=MANIFEST, rate_limits=False)) as running:
        yield running
        page.goto("about:blank")  # or the page would complain that the server went away


@pytest.fixture
def show(page: Page) -> Iterator[Callable[..., Recorded]]:
    """Serves a recorded state and opens the page on it."""
    with ExitStack() as stack:

        def opened(state: Json, route: str = "") -> Recorded:
            recorded = stack.enter_context(serving(state))
            page.goto(f"{recorded.url}/?user={state['me']}{route}")
            page.wait_for_selector(".pane-head")
            stack.callback(page.goto, "about:blank")  # the stream ends before its server does
            return recorded

        yield opened
