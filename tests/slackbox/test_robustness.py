"""Whatever is sent, a call answers or refuses; it never breaks."""

import contextlib
import io
import signal
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slackbox.__main__ import main as command_line
from slackbox.rig import RefusedError, Rig
from slackbox.settings import Settings
from slackbox.web_api import METHODS, call
from slackbox.world import Message
from tests.slackbox.conftest import ANA, COSTS, FINANCE, MANIFEST, Browser, fetch

EVERY_SCOPE = {
    **MANIFEST,
    "oauth_config": {"scopes": {"bot": sorted({scope for each in METHODS.values() for scope in each.scopes})}},
}
VALUES = st.one_of(
    st.sampled_from(
        [ANA, COSTS, FINANCE, "#ml", "1800000000.000001", "1", "0", "-1", "x", "{", "[]", "[1]", '[{"id":"F"}]', "nan", "9" * 30]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "type", "blocks", "title", "text"]), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)
OPTIONAL = [
    "cursor",
    "limit",
    "types",
    "oldest",
    "latest",
    "thread_ts",
    "blocks",
    "text",
    "view_id",
    "hash",
    "users",
    "user",
    "initial_comment",
    "metadata",
    "channel_id",
    "trigger_id",
    "attachments",
    "loading_messages",
    "markdown_text",
    "bot",
]


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_arguments_are_answered_or_refused(method: str, data: st.DataObject) -> None:
    rig = Rig.build(Settings(EVERY_SCOPE, now=lambda: 1_800_000_000.0, rate_limits=False), "http://127.0.0.1:1")
    rig.world.add(Message("1800000000.000001", COSTS, rig.world.bot_user, "hi"))
    required = METHODS[method].required
    optional = {each: VALUES for each in OPTIONAL if each not in required}
    values = data.draw(st.fixed_dictionaries(dict.fromkeys(required, VALUES), optional=optional))
    token = rig.settings.app_token if METHODS[method].token == "app" else rig.settings.bot_token
    with contextlib.suppress(RefusedError):
        assert isinstance(call(rig, method, token, values), dict)


BODIES: list[dict[str, Any]] = [
    {},
    {"user": ANA},
    {"user": ANA, "channel": [], "text": 1},
    {"user": ANA, "message": "x"},
    {"user": ANA, "message": {"channel": COSTS}, "view": None},
    {"user": ANA, "view": {}, "state": []},
    {"log_id": "L1", "times": "many"},
    {"method": "chat.update", "times": "x"},
    {"now": "x"},
]


@pytest.mark.parametrize("name", ["command", "message", "interact", "submit", "close", "home", "clock", "deliver"])
def test_no_body_breaks_a_call_of_the_page(browser: Browser, name: str) -> None:
    for body in BODIES:
        answer = browser(name, **body)
        assert answer.get("status", 200) < 500, answer


def test_ctrl_c_ends_the_command_line_also_while_it_still_says_where_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(io.StringIO):
        def flush(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdout", Interrupted())
    assert 0 == command_line([])


def test_the_command_line_says_where_it_listens_and_ends_with_ctrl_c() -> None:
    command = [sys.executable, "-W", "error", "-m", "slackbox"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = dict(process.stdout.readline().strip().split("=", 1) for _ in range(4))
            assert fetch(f"{lines['page']}/_box/state?user={ANA}")["app"]["name"] == "my-app"
            assert set(lines) == {"page", "SLACK_API_URL", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"}
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=60)[1] == ""
        finally:
            process.kill()
    assert process.returncode == 0
