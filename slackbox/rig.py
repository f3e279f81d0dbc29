"""One running workspace: its world, tickets, limits, log, faults and the wire to the app."""

import asyncio
import json
import re
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from slackbox.limits import RateLimiter
from slackbox.seed import seed
from slackbox.settings import App, Settings
from slackbox.tickets import Tickets
from slackbox.world import Clock, File, World

SECRET = re.compile(r"x(?:ox[a-z]|app)-[\w-]+|(?<=/respond/)[\w-]+|(?<=/upload/)[\w-]+|(?<=ticket=)[\w-]+")
CLOCK_STEP = 0.05  # how often, in real seconds, a wait looks at a clock that can be moved


class RefusedError(Exception):
    """The call cannot be done; `error` is Slack's name for why."""

    def __init__(self, error: str, detail: str = "", **fields: Any) -> None:
        super().__init__(error)
        self.error = error
        self.detail = detail
        self.fields = fields


@dataclass(frozen=True)
class Reply:
    """What the app answered to a delivery: HTTP status (200 for an acknowledged envelope) and body."""

    status: int
    text: str = ""
    is_json: bool = False
    reason: str = ""  # Slack's word for a failure: http_timeout, connection_failed, http_error
    no_retry: bool = False

    @property
    def ok(self) -> bool:
        """Acknowledged."""
        return 200 <= self.status < 300

    def json(self) -> dict[str, Any]:
        """The body as an object; {} when it is none."""
        try:
            value = json.loads(self.text) if self.is_json and self.text else {}
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


class Wire(Protocol):
    """Carries a delivery to the app and brings its answer."""

    name: str

    def connected(self) -> bool:
        """The app can be reached, as far as one knows."""
        ...

    async def send(self, kind: str, payload: dict[str, Any], retry_num: int, retry_reason: str) -> Reply:
        """Deliver once and wait for the acknowledgement."""
        ...


@dataclass
class Fault:
    """How the next calls of one method go wrong."""

    error: str | None = None
    status: int | None = None
    retry_after: int | None = None
    times: int = 1
    drop_response: bool = False
    delay_seconds: float = 0.0


@dataclass
class Rig:
    """Everything the calls share."""

    settings: Settings
    url: str
    app: App
    clock: Clock
    world: World
    tickets: Tickets
    limiter: RateLimiter
    started: float
    wire: Wire | None = None
    log: list[dict[str, Any]] = field(default_factory=list)
    sent: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = field(default_factory=dict)  # log id -> kind, payload, context
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    tasks: set["asyncio.Task[Any]"] = field(default_factory=set)
    sockets_offered: set[str] = field(default_factory=set)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def build(cls, settings: Settings, url: str) -> "Rig":
        """A fresh workspace from the seed."""
        clock, app = Clock(settings.now), settings.app
        tickets = Tickets(clock.now, settings.token)
        return cls(settings, url, app, clock, seed(app, clock), tickets, RateLimiter(clock.now), clock.now())

    def reset(self) -> None:
        """Back to the seed and to the given clock; who watches goes on watching."""
        for task in list(self.tasks):
            task.cancel()
        watchers, revision = self.world.watchers, self.world.revision
        self.clock.set(self.settings.now())
        self.world = seed(self.app, self.clock)
        self.world.watchers, self.world.revision = watchers, revision
        self.tickets = Tickets(self.clock.now, self.settings.token)
        self.limiter = RateLimiter(self.clock.now)
        self.log.clear()
        self.sent.clear()
        self.faults.clear()
        self.world.changed()

    def in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do it without anyone waiting; a stop cancels it."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def sleep_until(self, moment: float) -> None:
        """Wait for this Slack's clock, which may be moved meanwhile."""
        while (left := moment - self.clock.now()) > 0:
            await asyncio.sleep(min(left, CLOCK_STEP))

    def ready(self, file: File) -> bool:
        """Slack has finished looking at an upload: blocks may use it."""
        return file.completed_at is not None and self.clock.now() >= file.completed_at + self.settings.file_delay_seconds

    def note(self, **entry: Any) -> dict[str, Any]:
        """Write one line of the log, without secrets."""
        line = {"id": f"L{len(self.log) + 1}", "at": self.clock.now(), **redact(entry, self.settings)}
        self.log.append(line)
        return line

    def fault(self, method: str) -> Fault | None:
        """The fault this call is to meet, now one fewer."""
        waiting = self.faults.get(method, [])
        if not waiting:
            return None
        first = waiting[0]
        first.times -= 1
        if first.times <= 0:
            waiting.pop(0)
        return first

    async def close(self) -> None:
        """End all background work."""
        self.stopping.set()
        for task in list(self.tasks):
            task.cancel()
        await gather_quietly(*self.tasks)


async def gather_quietly(*work: Awaitable[Any]) -> None:
    """Wait for all, whatever becomes of them."""
    await asyncio.gather(*work, return_exceptions=True)


def redact(value: Any, settings: Settings) -> Any:
    """The same value with tokens and secret addresses blotted out."""
    if isinstance(value, dict):
        return {name: "…" if name == "token" else redact(each, settings) for name, each in value.items()}
    if isinstance(value, list):
        return [redact(each, settings) for each in value]
    if isinstance(value, str):
        for secret in (settings.bot_token, settings.app_token, settings.signing_secret):
            value = value.replace(secret, "…")
        return SECRET.sub("…", value)
    return value
