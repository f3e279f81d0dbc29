"""Puts the HTTP door together: the spool, who may come in, who answers questions, and the thread that publishes what came."""

import os
import platform
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from api.app import Door, HttpDoor
from api.counters import Counters
from bot.assemble import Tools
from bot.commands import reply
from bot.gateway_control import Follower, control
from bot.replies import Asking
from finops.ledger.gateway_effects import in_force
from finops.ledger.tallies import Tally, lags, tallies
from finops.sources.spool import SpoolWriter
from jobs.check_budgets import take_findings
from jobs.ingest_usage import Drained, Publisher
from jobs.registry import Tools as JobTools

VERSION = "0.1.0"


class UsageDoor:
    """The running door. `health` tells of the rest of the process; `stop` leaves on disk what was not published yet.

    `clock` counts the seconds by which requests are held back; it never steps back.
    """

    def __init__(
        self,
        tools: Tools,
        health: Callable[[], tuple[bool, Mapping[str, Any]]] = lambda: (True, {}),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tools = tools
        self._counters = Counters()
        self._gateways = Follower(tools)
        self._gateways.look()
        self._spool = SpoolWriter(tools.settings.spool, f"{platform.node()[:40]}-{os.getpid()}-{secrets.token_hex(4)}")
        self._publisher = Publisher(self._job_tools, tools.settings.spool, told=self._count)
        self._door = Door(
            tools.settings.doors,
            self._spool,
            tools.now,
            self._ask,
            health,
            counters=self._counters,
            questions=tools.settings.workers,
            take_alerts=lambda findings: take_findings(self._job_tools(), findings),
            tallies=lambda: [(each.name, each.labels, each.value) for each in measured(tools)],
            guard=control(tools, lambda: in_force(tools.ledger.engine, tools.now()), clock=clock),
        )
        self._http = HttpDoor(self._door)

    def application(self) -> Any:
        return self._http.application(VERSION)

    def leave(self) -> None:
        """Answer whoever waits for news; the server is stopped next."""
        self._http.leave()

    def start(self) -> None:
        self._publisher.start()

    def stop(self) -> None:
        self._spool.close()
        self._publisher.stop()

    def _ask(self, caller: str, question: str, as_of: str | None) -> Mapping[str, Any]:
        said = reply(self._tools, question.strip() or "help", Asking(f"http:{caller}", self._tools.moment(as_of)))
        return said.document

    def _job_tools(self) -> JobTools:
        self._tools.refresh()
        self._gateways.look()
        return JobTools(self._tools.ledger, self._tools.now(), self._tools.settings, self._tools.rulebook)

    def _count(self, done: Drained) -> None:
        self._counters.add("finops_usage_published_segments_total", done.segments)
        self._counters.add("finops_usage_failed_publishes_total", int(done.failed > 0))


def measured(tools: Tools) -> list[Tally]:
    """Return what is read anew at each scrape."""
    now = tools.now()
    return [*tallies(tools.ledger.engine, now), *lags(tools.ledger, now)]
