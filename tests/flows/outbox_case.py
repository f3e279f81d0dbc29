"""An outbox on a real database beside a local Slack; both go by one clock that is moved by hand."""

import copy
import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from slack_sdk import WebClient

from bot.manifest import manifest
from bot.routes_slack import SlackRoute
from bot.slack_channels import Channels
from finops.ledger.ledger import Ledger
from jobs.delivering import Delivered, Deliverer, Surroundings
from jobs.routes import Content, Route
from slackbox.server import Slackbox, start
from slackbox.settings import Settings
from slackbox.world import Message
from tests.ledger.outbox_case import Clock

COSTS, ML, SEARCH, PARTNER = "C0AICOSTS1", "C0ML000001", "C0SEARCH01", "C0PARTNER1"
ANA, GUEST, BOT = "U0ANA00001", "U0GUS00001", "U0FINOPSBT"
LOOKING = ("channels:history", "groups:history", "im:history")


def looking(**changed: Any) -> Mapping[str, Any]:
    """The manifest with the right to look for a message whose answer was lost."""
    found: dict[str, Any] = copy.deepcopy(manifest())
    found["oauth_config"]["scopes"]["bot"] += LOOKING
    return found | changed


@dataclass
class Case:
    """One process that delivers, and what people see."""

    box: Slackbox
    ledger: Ledger
    clock: Clock
    others: dict[str, Route] = field(default_factory=dict)
    fallbacks: Sequence[str] = ()
    api_url: str | None = None
    timeout: int = 20

    def worker(self) -> Deliverer:
        url = self.api_url or self.box.api_url
        client = WebClient(self.box.settings.bot_token, base_url=url, timeout=self.timeout, retry_handlers=[])
        slack = SlackRoute(client, self.ledger, Channels(client, lambda: self.clock.now.timestamp()), self.clock.sleep)
        routes: dict[str, Route] = {"slack": slack, **self.others}
        return Deliverer(Surroundings(self.ledger, routes, written, self.clock, self.clock.sleep, self.fallbacks))

    def deliver(self) -> Delivered:
        return self.worker().deliver()

    def forward(self, **span: float) -> None:
        self.clock.now += timedelta(**span)

    def fault(self, method: str, **how: Any) -> None:
        request = urllib.request.Request(
            f"{self.box.url}/_box/fault", json.dumps({"method": method, **how}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["ok"]

    def mend(self) -> None:
        self.box.rig.faults.clear()

    def seen(self, channel: str = COSTS) -> list[Message]:
        return list(self.box.world.messages.get(channel, []))

    def texts(self, channel: str = COSTS) -> list[str]:
        return [message.text for message in self.seen(channel)]

    def calls(self, method: str) -> int:
        return sum(line.get("method") == method for line in list(self.box.rig.log))


def written(payload: Mapping[str, Any]) -> Content:
    failed = payload.get("undelivered")
    text = f"{payload['text']} (not delivered to {failed['route']})" if failed else payload["text"]
    return Content(text, payload.get("blocks", ()), payload.get("event", {}))


@contextmanager
def beside_slack(ledger: Ledger, clock: Clock, app: Mapping[str, Any] | None = None) -> Iterator[Case]:
    settings = Settings(app or looking(), rate_limits=False, now=lambda: clock.now.timestamp())
    with start(settings) as box:
        yield Case(box, ledger, clock)
