"""The Slack app manifest keeps Slack's limits, in both modes, and each right it asks for is explained."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.online import SCOPES as CHECKED

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "slack-manifest.yaml").read_text(encoding="utf-8")
INSTALL = (DOCS / "install-slack.md").read_text(encoding="utf-8")
SOCKET: dict[str, Any] = yaml.safe_load(TEXT)

SCOPES = set(SOCKET["oauth_config"]["scopes"]["bot"])

# A Web API method, as the client spells it, and the right it needs.
METHODS = {
    "chat_delete": "chat:write",
    "chat_postEphemeral": "chat:write",
    "chat_postMessage": "chat:write",
    "chat_update": "chat:write",
    "conversations_history": "channels:history",
    "conversations_info": "channels:read",
    "conversations_list": "channels:read",
    "conversations_members": "channels:read",
    "conversations_open": "im:write",
    "files_completeUploadExternal": "files:write",
    "files_getUploadURLExternal": "files:write",
    "files_info": "files:read",
    "files_upload_v2": "files:write",
    "pins_add": "pins:write",
    "reactions_add": "reactions:write",
    "usergroups_list": "usergroups:read",
    "usergroups_users_list": "usergroups:read",
    "users_info": "users:read",
    "users_list": "users:read",
    "users_lookupByEmail": "users:read.email",
}


def in_http_mode() -> dict[str, Any]:
    """Follow the comments marked HTTP, as the installation page says."""
    uncommented = re.sub(r"# HTTP: (\w+: )", r"\1", TEXT)
    switched = re.sub(r"(socket_mode_enabled:) true  # HTTP: (\w+)", r"\1 \2", uncommented)
    parsed: dict[str, Any] = yaml.safe_load(switched)
    return parsed


@pytest.mark.parametrize("manifest", [SOCKET, in_http_mode()], ids=["socket", "http"])
def test_texts_fit_into_slack(manifest: dict[str, Any]) -> None:
    shown, features = manifest["display_information"], manifest["features"]
    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert 174 <= len(shown["long_description"]) <= 4000
    assert re.fullmatch(r"#[0-9a-f]{6}", shown["background_color"])
    assert len(features["bot_user"]["display_name"]) <= 80


def test_the_one_command_fits_into_slack() -> None:
    (command,) = SOCKET["features"]["slash_commands"]
    assert command["command"] == "/cost"
    assert len(command["description"]) <= 2000
    assert len(command["usage_hint"]) <= 1000
    assert command["should_escape"] is True


def test_only_fields_slack_knows_are_used() -> None:
    assert set(SOCKET) == {"_metadata", "display_information", "features", "oauth_config", "settings"}
    assert set(SOCKET["features"]) <= {"agent_view", "app_home", "bot_user", "shortcuts", "slash_commands", "unfurl_domains"}
    flags = {"org_deploy_enabled", "socket_mode_enabled", "token_rotation_enabled"}
    assert set(SOCKET["settings"]) <= {"allowed_ip_address_ranges", "event_subscriptions", "interactivity"} | flags


def test_it_asks_for_what_the_online_check_demands_and_no_more() -> None:
    assert set(CHECKED) == SCOPES
    assert "user" not in SOCKET["oauth_config"]["scopes"]


def test_each_scope_is_explained_beside_it_and_on_the_installation_page() -> None:
    beside = dict(re.findall(r"^ +- ([\w:.]+) +# (.+)$", TEXT, re.MULTILINE))
    asked = INSTALL.partition("## Why each scope")[2].partition("\n## ")[0]
    explained = dict(re.findall(r"^\| `([\w:.]+)` \| (.+) \|$", asked, re.MULTILINE))
    assert {scope for scope in SCOPES if scope not in beside} == set()
    assert set(explained) == SCOPES


def test_what_it_does_not_ask_for_is_really_not_asked() -> None:
    declined = set(re.findall(r"`([a-z]+:[a-z.]+)`", INSTALL.partition("## What it does not ask for")[2]))
    assert declined
    assert declined & SCOPES == set()


def test_each_method_the_bot_calls_has_its_scope() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS.parent / "bot").rglob("*.py"))
    called = {method for method in re.findall(r"\.([a-z]+_\w+)", code) if method in METHODS}
    assert {METHODS[method] for method in called} - SCOPES == set()


def test_events_have_the_scope_they_need() -> None:
    needs = {"app_mention": "app_mentions:read", "app_home_opened": None}
    assert {event: needs[event] for event in SOCKET["settings"]["event_subscriptions"]["bot_events"]} == needs


def test_the_home_tab_and_buttons_are_on() -> None:
    assert SOCKET["features"]["app_home"]["home_tab_enabled"] is True
    assert SOCKET["settings"]["interactivity"]["is_enabled"] is True


def test_socket_mode_names_no_address() -> None:
    assert SOCKET["settings"]["socket_mode_enabled"] is True
    assert addresses(SOCKET) == []


def test_the_comments_turn_it_into_http_mode() -> None:
    manifest = in_http_mode()
    assert manifest["settings"]["socket_mode_enabled"] is False
    assert addresses(manifest) == ["https://finops.example.com/slack/events"] * 3


def addresses(manifest: dict[str, Any]) -> list[str]:
    (command,), settings = manifest["features"]["slash_commands"], manifest["settings"]
    places = [command.get("url"), settings["event_subscriptions"].get("request_url"), settings["interactivity"].get("request_url")]
    return [place for place in places if place]
