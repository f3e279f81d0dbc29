"""A Slack of a few lines, in which what goes wrong is chosen, and a clock that is moved by hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine
from sqlalchemy import delete

from finops.ledger.ledger import Ledger
from finops.ledger.outbox import Kind, Reference, enqueue
from finops.ledger.state import writing
from finops.ledger.tables_outbox import outbox
from jobs.delivering import Deliverer, Surroundings
from jobs.routes import Content, LostError, NotSentError, Parcel, RefusedError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
COSTS, ML = "slack:#ai-costs", "slack:#ml"


class DiedError(BaseException):
    """The process ends here."""


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Seen:
    """A message as people see it."""

    route: str
    key: str
    at: datetime
    remarks: tuple[str, ...]


@dataclass
class World:
    """What stands in the channels. `faults` are met in turn: what happens to a message, and after how much of the way."""

    clock: Clock
    seen: list[Seen] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] | None = None

    def send(self, parcel: Parcel) -> Reference:
        letter = parcel.letter
        standing = [number for number, one in enumerate(self.seen) if (one.route, one.key) == (letter.route, letter.key)]
        if letter.doubts and standing:
            return Reference("C1", f"{standing[0]}.0")
        fault = self.faults.pop(0) if self.faults else ""
        how, _, after = fault.partition(" ")
        if not after:
            self._fail(how)
        self.seen.append(Seen(letter.route, letter.key, self.clock.now, tuple(parcel.remarks(may_repeat=letter.doubts > 0))))
        self._fail(how)
        if self.meanwhile:
            self.meanwhile()
        return Reference("C1", f"{len(self.seen) - 1}.0")

    def _fail(self, how: str) -> None:
        if how == "dies":
            raise DiedError
        if how == "lost":
            raise LostError("time-out")
        if how == "refused":
            raise NotSentError("connection refused", is_down=True)
        if how == "limited":
            raise NotSentError("Slack asks to wait", wait=timedelta(seconds=30))
        if how == "never":
            raise RefusedError("is_archived")
        if how == "unfit":
            raise RefusedError("invalid_blocks", plainly=True)
        if how == "breaks":
            raise ValueError("a mistake of ours")

    def keys(self, route: str = COSTS) -> list[str]:
        return [one.key for one in self.seen if one.route == route]


class OutboxMachine(RuleBasedStateMachine):
    """Two processes on one ledger, whose outbox is empty at the start."""

    first: Ledger
    second: Ledger

    def __init__(self) -> None:
        super().__init__()
        with writing(self.first.engine) as tx:
            tx.execute(delete(outbox))
        self.clock = Clock()
        self.world = World(self.clock)


def written(payload: Mapping[str, Any]) -> Content:
    return Content(str(payload["text"]), event=payload.get("undelivered") or {})


def worker(ledger: Ledger, world: World, fallbacks: Sequence[str] = ()) -> Deliverer:
    """Every scheme leads into the same world."""
    routes = dict.fromkeys(("slack", "email", "pagerduty"), world)
    return Deliverer(Surroundings(ledger, routes, written, world.clock, world.clock.sleep, fallbacks))


def put(ledger: Ledger, key: str, route: str = COSTS, *, kind: Kind = "post", at: datetime = NOON, **more: Any) -> bool:
    payload = more.pop("payload", {"text": key})
    with writing(ledger.engine) as tx:
        return enqueue(tx, key=key, route=route, kind=kind, object_id=f"object of {key}", payload=payload, at=at, **more)
