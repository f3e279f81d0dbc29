"""A real browser on a real local Slack."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Page

from slackbox.server import Slackbox, start
from slackbox.settings import Settings
from tests.browser.recorded import Json, Recorded, serving
from tests.chromium import Console, browser, console, page

__all__ = ["Console", "browser", "console", "page"]

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
