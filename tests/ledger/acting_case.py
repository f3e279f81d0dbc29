"""A world of things that stand at some value, kept in files so that it outlives a process, and a lever on it that fails on demand."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from finops.configuration.rulebook_approvals import Guard
from finops.errors import LeverError, LeverUnknownError
from finops.guard.plans import Plan
from finops.ledger.carrying_out import settle
from finops.ledger.effecting import Hands
from finops.ledger.proposals import Asked, Proposal, propose
from finops.ledger.tables_outbox import outbox
from finops.ports import Standing
from tests.ledger.proposed import ANA, NOON, ONE, PLAN, click

FIVE = ("a", "b", "c", "d", "e")
ACTS = Guard(dry_run=False)
DIED = 137


@dataclass
class World:
    """Each target is a file with its value; every change that really happened is a line of the log."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)

    def put(self, target: str, value: str, who: str = "somebody") -> None:
        (self.folder / target).write_text(value)
        with (self.folder / "log").open("a") as log:
            log.write(f"{who} {target}={value}\n")

    def value(self, target: str) -> str | None:
        file = self.folder / target
        return file.read_text() if file.exists() else None

    def values(self, targets: Sequence[str] = FIVE) -> dict[str, str | None]:
        return {target: self.value(target) for target in targets}

    def done(self, who: str = "we") -> list[str]:
        log = self.folder / "log"
        return [line.partition(" ")[2] for line in log.read_text().splitlines() if line.startswith(f"{who} ")] if log.exists() else []


@dataclass
class FakeLever:
    """Sets targets to `parameters["to"]`. `faults` maps (verb, target) to what happens the next times, in order.

    refuse: certainly nothing · lose: it works and the answer is lost · vanish: the call and its answer are lost · break: an
    exception of some library · die: the process ends before the call · die-after: it ends when the call has worked.
    """

    world: World
    faults: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    name: str = "fake.set"
    permissions: tuple[str, ...] = ()
    asked: list[tuple[str, str]] = field(default_factory=list)
    stands: Callable[[Plan], object] = lambda _: None

    def look(self, targets: Sequence[str], parameters: Mapping[str, Any]) -> dict[str, Any]:
        for target in targets:
            self._fail("look", target, lambda: None)
        values = {target: self.world.value(target) for target in targets}
        if wrong := [target for target, value in values.items() if value in (None, parameters["to"])]:
            raise LeverError(f"{wrong[0]} cannot be moved")
        return {target: {"value": value} for target, value in values.items()}

    def describe(self, plan: Plan) -> list[str]:
        return [f"sets {target} to {plan.parameters['to']}" for target in plan.targets]

    def apply(self, plan: Plan, target: str) -> None:
        self.stands(plan)
        standing = self._standing(plan, target)
        if standing in ("changed", "gone"):
            raise LeverError(f"{target} is not as it was")
        self._fail("apply", target, lambda: self._set(target, plan.parameters["to"]))

    def revert(self, plan: Plan, target: str) -> None:
        if self._standing(plan, target) in ("changed", "gone"):
            raise LeverError(f"{target} was changed by somebody else since")
        self._fail("revert", target, lambda: self._set(target, plan.before[target]["value"]))

    def observe(self, plan: Plan, target: str) -> Standing:
        found: list[Standing] = []
        self._fail("observe", target, lambda: found.append(self._standing(plan, target)))
        return found[0]

    def _standing(self, plan: Plan, target: str) -> Standing:
        value = self.world.value(target)
        if value is None:
            return "gone"
        return "applied" if value == plan.parameters["to"] else "as before" if value == plan.before[target]["value"] else "changed"

    def _set(self, target: str, value: str) -> None:
        if self.world.value(target) != value:
            self.world.put(target, value, "we")

    def _fail(self, verb: str, target: str, work: Callable[[], object]) -> None:
        self.asked.append((verb, target))
        fault = (self.faults.get((verb, target)) or [""]).pop(0) if self.faults.get((verb, target)) else ""
        if fault == "die":
            os._exit(DIED)
        if fault == "refuse":
            raise LeverError(f"{target} is refused")
        if fault == "break":
            raise RuntimeError("a library's own")
        if fault != "vanish":
            work()
        if fault == "die-after":
            os._exit(DIED)
        if fault in ("lose", "vanish"):
            raise LeverUnknownError(f"no answer about {target}")


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Scene:
    """One process with its hands on the world."""

    engine: Engine
    lever: FakeLever
    clock: Clock = field(default_factory=Clock)
    guard: Guard = ACTS

    @property
    def world(self) -> World:
        return self.lever.world

    @property
    def hands(self) -> Hands:
        return Hands(self.engine, {self.lever.name: self.lever}, lambda: self.guard, self.clock, "tests", ("pagerduty:ops",))

    def proposed(self, targets: Sequence[str] = FIVE, finding: str = "budget:ml", **more: Any) -> Proposal:
        plan = plan_on(self.lever, targets, finding, **more)
        return propose(self.engine, Asked(plan, finding, "finops-bot", ONE, "slack:#ml-costs"), self.clock()).proposal

    def approved(self, targets: Sequence[str] = FIVE, finding: str = "budget:ml", **more: Any) -> Proposal:
        return click(self.engine, self.proposed(targets, finding, **more), ANA, at=self.clock()).proposal


def plan_on(lever: FakeLever, targets: Sequence[str], finding: str, **more: Any) -> Plan:
    given = {"parameters": {"to": "small"}, "lever": lever.name, "evidence": {"finding": finding}, **more}
    return replace(PLAN, targets=tuple(targets), before=lever.look(targets, given["parameters"]), **given)


def scene(engine: Engine, folder: Path, targets: Sequence[str] = FIVE) -> Scene:
    world = World(folder / "world")
    for target in targets:
        if world.value(target) is None:
            world.put(target, "big")
    return Scene(engine, FakeLever(world))


def pass_minutes(on: Scene, count: int) -> None:
    for _ in range(count):
        on.clock.forward(minutes=1)
        settle(on.hands)


def letters(engine: Engine, like: str) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        found = connection.execute(select(outbox.c.route, outbox.c.payload).where(outbox.c.key.like(like)).order_by(outbox.c.id))
        return [(row.route, row.payload) for row in found]
