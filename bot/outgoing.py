"""Everything that leaves the house by the outbox: how a message is rendered, by which routes it goes, and who drives that."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from slack_sdk import WebClient

from bot.alert_message import render as render_alert
from bot.alert_room import render as render_room
from bot.anomaly_message import render as render_anomaly
from bot.anomaly_message import render_why as render_anomaly_why
from bot.assemble import Tools
from bot.proposal_message import render as render_proposal
from bot.references import NOWHERE, References
from bot.routes_mail import MailRoute
from bot.routes_pagerduty import PagerDutyRoute
from bot.routes_slack import SlackRoute
from bot.routes_webhook import WebhookRoute
from bot.slack_channels import Channels
from bot.slack_text import mrkdwn
from finops.errors import LedgerError, meant
from finops.ledger import outbox
from finops.routing import mail_server, pairs
from jobs.delivering import Deliverer, Surroundings
from jobs.routes import Content, Route

LOG = logging.getLogger("finops.outbox")
Render = Callable[[Tools, str, References], Content]

# What a payload {"render": NAME, "id": …} is shown by, at the moment it is sent.
RENDERERS: Final[dict[str, Render]] = {
    "alert": render_alert,
    "anomaly": render_anomaly,
    "anomaly_why": render_anomaly_why,
    "proposal": render_proposal,
    "room": render_room,
}


def show(tools: Tools, payload: Mapping[str, Any], renderers: Mapping[str, Render] = RENDERERS, refer: References = NOWHERE) -> Content:
    """Return what a payload says now: rendered from the true state where it names something, else as it was written."""
    content = _rendered(tools, payload, renderers, refer) if "render" in payload else _written(payload)
    failed = payload.get("undelivered")
    return _instead(content, failed) if failed else content


def _rendered(tools: Tools, payload: Mapping[str, Any], renderers: Mapping[str, Render], refer: References) -> Content:
    name = str(payload["render"])
    if name not in renderers:
        raise LedgerError(f"nothing shows a message of kind '{name}'.{meant(name, renderers)}")
    return renderers[name](tools, str(payload["id"]), refer)


def _written(payload: Mapping[str, Any]) -> Content:
    return Content(str(payload.get("text", "")), payload.get("blocks") or (), payload.get("event") or {})


def _instead(content: Content, failed: Mapping[str, Any]) -> Content:
    """Say of a message that takes another's place where that one should have gone, and why it did not."""
    why = f"It could not be delivered to {failed['route']}: {failed['why']}."
    details = {**(content.event.get("details") or {}), "undelivered": why}
    return replace(content, text=f"{content.text}\n{mrkdwn(why, 500)}", event={**content.event, "details": details})


def deliverer(tools: Tools, client: WebClient | None = None) -> Deliverer:
    """Return what brings messages out; Slack's by `client`'s token or that of the settings, and not at all without one."""
    refer = References(tools.ledger, _own_client(tools, client))
    around = Surroundings(
        ledger=tools.ledger,
        routes=routes(tools, client),
        show=lambda payload: show(tools, payload, refer=refer),
        clock=tools.now,
        sleep=time.sleep,
        fallbacks=tools.settings.fallback_routes or (),
    )
    return Deliverer(around)


def routes(tools: Tools, client: WebClient | None = None) -> dict[str, Route]:
    """Return every way out. One that nobody configured refuses what it is given, so that it is told another way."""
    settings = tools.settings
    server = mail_server(settings.smtp_url) if settings.smtp_url else None
    found: dict[str, Route] = {
        "pagerduty": PagerDutyRoute(pairs(settings.pagerduty_key), settings.pagerduty_url),
        "email": MailRoute(server, settings.mail_from, tools.now),
        "webhook": WebhookRoute(pairs(settings.webhooks), settings.webhook_secret, tools.now),
    }
    if own := _own_client(tools, client):
        found["slack"] = SlackRoute(own, tools.ledger, Channels(own, time.monotonic))
    return found


def _own_client(tools: Tools, client: WebClient | None) -> WebClient | None:
    """Return a client of our own, which repeats nothing: a lost answer would become two messages."""
    settings = tools.settings
    token = client.token if client else settings.slack_bot_token.reveal() if settings.slack_bot_token else None
    base = client.base_url if client else settings.slack_api_url
    return WebClient(token=token, base_url=base, timeout=20, retry_handlers=[]) if token else None


def catch_up(tools: Tools) -> str:
    """Deliver what waits, drop what was settled long ago, and say what was done: the work of the job."""
    done = deliverer(tools).deliver()
    outbox.forget(tools.ledger.engine, tools.now())
    left = sum(outbox.counts(tools.ledger.engine)[state] for state in outbox.OPEN)
    return f"{done.sentence}; {left} wait" if left else done.sentence


class Rounds(Protocol):
    """What a courier drives."""

    def deliver(self) -> object: ...

    def stop(self) -> None: ...


class Courier:
    """Drives deliveries in this process: `wake` begins a round beside whatever goes on, at most one at a time."""

    def __init__(self, deliverer: Rounds) -> None:
        self._deliverer = deliverer
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._again = False
        self._stopping = False

    def wake(self) -> None:
        """Deliver soon; called after a change whose message should not wait for the next beat."""
        with self._lock:
            if self._stopping:
                return
            self._again = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
                self._thread.start()

    def stop(self, grace: float = 5.0) -> None:
        """Begin no further round, and give the one that runs a moment to end."""
        with self._lock:
            self._stopping = True
            thread = self._thread
        self._deliverer.stop()
        if thread:
            thread.join(grace)

    def _run(self) -> None:
        while self._wanted():
            try:
                self._deliverer.deliver()
            except Exception:  # the database may be away for a moment
                LOG.exception("the outbox could not be looked at")

    def _wanted(self) -> bool:
        with self._lock:
            wanted, self._again = self._again and not self._stopping, False
            if not wanted:
                self._thread = None
            return wanted
