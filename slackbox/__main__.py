"""`python -m slackbox`: a local Slack until Ctrl-C."""

import argparse
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from slackbox.server import start
from slackbox.settings import Settings

MANIFEST: dict[str, Any] = {
    "display_information": {"name": "my-app"},
    "features": {"slash_commands": [{"command": "/hello", "description": "Say hello", "should_escape": True}]},
    "oauth_config": {
        "scopes": {"bot": ["commands", "chat:write", "files:write", "files:read", "users:read", "channels:read", "groups:read", "im:write"]}
    },
    "settings": {"event_subscriptions": {"bot_events": ["app_mention", "message.im", "app_home_opened"]}},
}


def main(arguments: list[str] | None = None) -> int:
    """Serve the app described by a manifest, and say where."""
    options = parser().parse_args(arguments)
    if (options.mode == "http") != bool(options.request_url):
        parser().error("--mode http and --request-url go together")
    manifest = json.loads(Path(options.manifest).read_text()) if options.manifest else MANIFEST
    settings = Settings(manifest, port=options.port, request_url=options.request_url, rate_limits=not options.no_rate_limits)
    with suppress(KeyboardInterrupt), start(settings) as box:
        lines = {"page": box.url, "SLACK_API_URL": box.api_url, "SLACK_BOT_TOKEN": settings.bot_token}
        secret = {"SLACK_SIGNING_SECRET": settings.signing_secret} if options.request_url else {"SLACK_APP_TOKEN": settings.app_token}
        sys.stdout.write("".join(f"{name}={value}\n" for name, value in {**lines, **secret}.items()))
        sys.stdout.flush()
        box.wait()
    return 0


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    options = argparse.ArgumentParser(prog="slackbox", description="A local Slack for one app.")
    options.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options.add_argument("--mode", choices=["socket", "http"], default="socket")
    options.add_argument("--request-url", help="where the app takes deliveries, in http mode")
    options.add_argument("--manifest", help="the app's manifest, a JSON file")
    options.add_argument("--no-rate-limits", action="store_true")
    return options


if __name__ == "__main__":
    sys.exit(main())
