"""What a local Slack is started with: the app's manifest and secrets, and the clock."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Settings:
    """One workspace hosting one app; `request_url` None means Socket Mode."""

    manifest: Mapping[str, Any]
    port: int = 0
    bot_token: str = "xoxb-slackbox"  # noqa: S105 - opens nothing but this local Slack
    app_token: str = "xapp-slackbox"  # noqa: S105
    signing_secret: str = "slackbox-signing-secret"  # noqa: S105
    request_url: str | None = None
    file_delay_seconds: float = 0.3
    now: Callable[[], float] = time.time
    rate_limits: bool = True
    retry_delays: tuple[float, ...] = (0, 60, 300)
    ack_seconds: float = 3.0
    upload_bytes: int = 20 * 1024 * 1024
    token: Callable[[], str] = field(default=lambda: secrets.token_hex(12))

    @property
    def app(self) -> "App":
        """The manifest, read."""
        return App.read(self.manifest)


@dataclass(frozen=True)
class Command:
    """A slash command as the manifest declares it."""

    command: str
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = False


@dataclass(frozen=True)
class App:
    """What the manifest says the app is, may do and wants to hear."""

    name: str
    bot_name: str
    commands: Mapping[str, Command]
    scopes: tuple[str, ...]
    events: frozenset[str]
    interactive: bool
    has_home: bool

    @classmethod
    def read(cls, manifest: Mapping[str, Any]) -> "App":
        """Take what is there; what a manifest leaves out of its features is on, its scopes and events are none."""
        features = manifest.get("features", {})
        wants = manifest.get("settings", {})
        name = str(manifest.get("display_information", {}).get("name", "app"))
        return cls(
            name=name,
            bot_name=str(features.get("bot_user", {}).get("display_name", name)),
            commands={each["command"]: read_command(each) for each in features.get("slash_commands", [])},
            scopes=tuple(manifest.get("oauth_config", {}).get("scopes", {}).get("bot", [])),
            events=frozenset(wants.get("event_subscriptions", {}).get("bot_events", [])),
            interactive=bool(wants.get("interactivity", {}).get("is_enabled", True)),
            has_home=bool(features.get("app_home", {}).get("home_tab_enabled", True)),
        )


def read_command(entry: Mapping[str, Any]) -> Command:
    """One entry of `features.slash_commands`."""
    return Command(
        str(entry["command"]), str(entry.get("description", "")), str(entry.get("usage_hint", "")), bool(entry.get("should_escape", False))
    )
