"""Puts the scheduler together: jobs, their tools, the records and the notices."""

import os
import platform
import secrets
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from slack_sdk import WebClient

from bot.assemble import Tools
from bot.messenger import Messenger, web_client
from bot.noticing import Noticing
from bot.outgoing import Courier, catch_up, deliverer
from finops.redaction import Redactor
from jobs import registry
from jobs.runner import Runner, Surroundings
from jobs.scheduler import Clocks, Scheduler


def scheduler(tools: Tools, client: WebClient | None = None) -> Scheduler:
    """Return a scheduler over every job, not yet started; notices go through `client`, else through one made from the settings."""
    clocks = Clocks(tools.now, time.monotonic, platform.node() or "this machine")
    notices, courier = noticing(tools, client), Courier(deliverer(tools, client))

    def tell() -> None:
        courier.wake()
        notices.tell()

    return Scheduler(tools.ledger, runner(tools), registry.known(), lambda: ZoneInfo(tools.rulebook.timezone), clocks, tell)


def runner(tools: Tools) -> Runner:
    def tools_for(now: datetime, period: str) -> registry.Tools:
        tools.refresh()
        return registry.Tools(tools.ledger, now, tools.settings, tools.rulebook, period, lambda: catch_up(tools))

    redactor, root = Redactor(tools.settings.secrets()), str(tools.ledger.root)

    def clean(text: str) -> str:
        """What is recorded is told in Slack, where nobody need know where the ledger's files lie."""
        return redactor.redact(text).replace(root, "…")

    return Runner(
        Surroundings(
            ledger=tools.ledger,
            tools=tools_for,
            clock=tools.now,
            holder=holder(),
            number=lambda: secrets.token_hex(4),
            clean=clean,
            lease=timedelta(seconds=tools.settings.job_lease),
        )
    )


def holder() -> str:
    """Name this process as no other one, also after a restart under the same number."""
    return f"{platform.node()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"


def noticing(tools: Tools, client: WebClient | None) -> Noticing:
    token = tools.settings.slack_bot_token
    if client is None and token is not None:
        client = web_client(token.reveal(), tools.settings.slack_api_url)
    messenger = Messenger(client) if client else None
    return Noticing(tools.ledger, messenger, tools.settings.slack_alerts_channel, tools.now, lambda: secrets.token_hex(12))
