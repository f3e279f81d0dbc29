"""What LiteLLM's config.yaml names: importing this starts the plug-in of a worker, or refuses to with a sentence.

litellm_settings: {callbacks: gateway.litellm_start.guard}
general_settings: {custom_auth: gateway.litellm_start.auth}
"""

import atexit
import os
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from gateway.front_door import stand_before
from gateway.guard import Guard
from gateway.link import Link, Place
from gateway.litellm_plugin import Plugin, hook_for
from gateway.meter import Meter

SHORTEST_KEY = 32


def place_of(environ: Mapping[str, str]) -> Place:
    """Read where finops-bot is. Raises SystemExit naming every variable that is missing: without them nothing could be decided."""
    names = ("FINOPS_GATEWAY_URL", "FINOPS_GATEWAY_TOKEN", "FINOPS_GATEWAY_KEY")
    missing = [name for name in names if not environ.get(name, "").strip()]
    if missing:
        raise SystemExit(f"{', '.join(missing)} not set; docs/gateway.md of finops-bot says what they are")
    url, token, key = (environ[name].strip() for name in names)
    if len(key) < SHORTEST_KEY:
        raise SystemExit(f"FINOPS_GATEWAY_KEY is shorter than {SHORTEST_KEY} characters; make one with: openssl rand -hex 32")
    if not url.startswith(("http://", "https://")):
        raise SystemExit("FINOPS_GATEWAY_URL is not a web address; give one such as http://finops-bot:8737")
    return Place(url, token, key.encode())


def start(environ: Mapping[str, str]) -> Plugin:
    """Start a worker's guard and its link."""
    place = place_of(environ)
    folder = Path(environ.get("FINOPS_GATEWAY_STATE", "").strip() or ".finops-gateway")
    worker = f"{os.getpid()}-{secrets.token_hex(6)}"
    guard = Guard(time.monotonic, time.time)
    meter = Meter(folder / "usage", worker, time.time)
    link = Link(guard, meter, place, worker, folder / "snapshot.json", time.monotonic, lambda: secrets.token_hex(16))
    link.start()
    atexit.register(link.stop)
    return Plugin(guard, meter, link, worker)


plugin = start(os.environ)
if (proxy := sys.modules.get("litellm.proxy.proxy_server")) is not None:
    stand_before(proxy.app, plugin.guard.barred)
guard = hook_for(plugin)
auth = plugin.authenticate
