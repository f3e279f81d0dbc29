"""A local Slack per test, and a person to sit in front of it."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from slack_sdk import WebClient

from slackbox.server import Slackbox, start
from slackbox.settings import Settings

MANIFEST: dict[str, Any] = {
    "display_information": {"name": "finops-bot"},
    "features": {
        "slash_commands": [{"command": "/cost", "description": "What it costs", "usage_hint": "team=ml last 7d", "should_escape": True}]
    },
    "oauth_config": {
        "scopes": {
            "bot": [
                *("commands", "chat:write", "files:write", "files:read", "usergroups:read", "users:read", "users:read.email"),
                *("channels:read", "groups:read", "im:read", "im:write", "channels:history", "im:history", "app_mentions:read"),
                *("reactions:write", "team:read", "channels:join"),
            ]
        }
    },
    "settings": {"event_subscriptions": {"bot_events": ["app_mention", "message.im", "app_home_opened"]}},
}
COSTS, FINANCE, PARTNER, SEARCH = "C0AICOSTS1", "C0FINANCE1", "C0PARTNER1", "C0SEARCH01"
ANA, BRUNO, CHEN, DORA, EVE, TOM = "U0ANA00001", "U0BRUNO001", "U0CHEN0001", "U0DORA0001", "U0EVE00001", "U0OLDTOM01"
BOT = "U0FINOPSBT"


@dataclass
class Browser:
    """Calls `/_box` as the page would."""

    box: Slackbox

    def __call__(self, call: str, **body: Any) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.box.url}/_box/{call}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        return fetch(request)

    def state(self, user: str) -> dict[str, Any]:
        return fetch(urllib.request.Request(f"{self.box.url}/_box/state?user={user}"))

    def messages(self, user: str, channel: str = COSTS) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.state(user)["messages"][channel]
        return found

    def log(self, kind: str = "") -> list[dict[str, Any]]:
        lines = fetch(urllib.request.Request(f"{self.box.url}/_box/log"))["log"]
        return [line for line in lines if kind in ("", line["kind"])]


def fetch(request: urllib.request.Request | str) -> dict[str, Any]:
    """A JSON answer, whatever its status; the status is added when it is not 200."""
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return dict(json.loads(response.read()))
    except urllib.error.HTTPError as error:
        with error:
            return {**json.loads(error.read()), "status": error.code}


def post_json(url: str, payload: Any, **headers: str) -> tuple[int, str]:
    """Status and body."""
    request = urllib.request.Request(url, json.dumps(payload).encode(), {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def eventually(question: Callable[[], Any], seconds: float = 5.0) -> Any:
    """The first true answer within some seconds, else the last."""
    end = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < end:
        time.sleep(0.02)
    return answer


@pytest.fixture(scope="module")
def running() -> Iterator[Slackbox]:
    with start(Settings(MANIFEST, rate_limits=False)) as running:
        yield running


@pytest.fixture
def box(running: Slackbox) -> Slackbox:
    """The one box of a file of tests, back at its seed."""
    Browser(running)("reset")
    return running


@pytest.fixture
def browser(box: Slackbox) -> Browser:
    return Browser(box)


@pytest.fixture
def client(box: Slackbox) -> WebClient:
    return client_of(box)


def client_of(box: Slackbox, token: str | None = None) -> WebClient:
    return WebClient(token or box.settings.bot_token, base_url=box.api_url, timeout=10)
