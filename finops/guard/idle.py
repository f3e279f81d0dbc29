"""Which GPUs did nothing, from the most they were ever busy in a window: missing samples, old ones and half a machine are no idleness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from finops.configuration.rulebook_sections import Scope

IDLE_BELOW: Final = 0.05  # of the engine; below it lies only what drivers and exporters do themselves
COVERED: Final = 0.9
FRESH: Final = timedelta(minutes=10)  # the last sample of a device, against the newest of all
Verdict = Literal["idle", "busy", "unknown"]


@dataclass(frozen=True)
class Device:
    """One GPU over a window. `busiest` is the greatest value of any metric of its activity, as a share; None: nothing tells.

    `coverage` is the share of the window with samples; of a GPU cut by MIG that of the instance with the fewest.
    """

    name: str
    node: str | None
    metric: str | None
    busiest: float | None
    coverage: float
    last: datetime
    gpu_model: str | None = None
    owners: tuple[str, ...] = ()

    def verdict(self, newest: datetime) -> Verdict:
        if self.busiest is not None and self.busiest >= IDLE_BELOW:
            return "busy"
        is_told = self.busiest is not None and self.coverage >= COVERED and newest - self.last <= FRESH
        return "idle" if is_told else "unknown"


@dataclass(frozen=True)
class Machine:
    """What is stopped as a whole: a node with all its GPUs, or a GPU whose node nobody tells.

    `offered` is how many GPUs the node says it has. `target` is what a lever calls it, `hourly` and `currency` what the bill
    charges an hour of it, `place` what the bill tells of it; None where no bill does.
    """

    name: str
    devices: tuple[Device, ...]
    offered: int | None = None
    target: str | None = None
    hourly: Decimal | None = None
    currency: str | None = None
    basis: str | None = None
    place: Mapping[str, str] | None = None

    def verdict(self, newest: datetime) -> Verdict:
        """A machine is idle when every one of its GPUs is: a job may leave one of several alone for hours."""
        found = {device.verdict(newest) for device in self.devices}
        if "busy" in found:
            return "busy"
        is_whole = self.offered is None or len(self.devices) >= self.offered
        return "idle" if found == {"idle"} and is_whole else "unknown"

    @property
    def busiest(self) -> Device:
        return max(self.devices, key=lambda device: device.busiest or 0.0)

    def inside(self, scope: Scope) -> bool:
        """What cannot be told lies outside."""
        return all(any(fnmatchcase(held, each.casefold()) for held in self._held(name) for each in values) for name, values in scope)

    def _held(self, name: str) -> set[str]:
        told = {value.casefold() for value in [(self.place or {}).get(name)] if value}
        if name == "resource":
            told |= {each.casefold() for each in (self.name, self.target or "", *(device.name for device in self.devices))}
        if name == "team" and not told:
            told = {owner.casefold() for device in self.devices for owner in device.owners}
        return told

    def document(self, hours: float) -> dict[str, Any]:
        """Return as plain JSON what a finding rests on."""
        worst = self.busiest
        return {
            "machine": self.name,
            "target": self.target,
            "gpus": len(self.devices),
            "gpu_model": worst.gpu_model,
            "metric": worst.metric,
            "max": None if worst.busiest is None else round(worst.busiest, 4),
            "coverage": round(min(device.coverage for device in self.devices), 4),
            "hours": hours,
            "hourly_cost": None if self.hourly is None else format(self.hourly, "f"),
            "currency": self.currency,
            "basis": self.basis,
        }


@dataclass(frozen=True)
class Fleet:
    """All machines with GPUs that were seen in a window which ended with the sample `newest`."""

    machines: tuple[Machine, ...]
    newest: datetime

    def verdicts(self, scope: Scope) -> dict[Verdict, list[Machine]]:
        """Return the machines of a scope by what is known of them, the costliest first."""
        found: dict[Verdict, list[Machine]] = {"idle": [], "busy": [], "unknown": []}
        for machine in sorted(self.machines, key=lambda each: (-(each.hourly or Decimal(0)), each.name)):
            if machine.inside(scope):
                found[machine.verdict(self.newest)].append(machine)
        return found


def evidence_of(idle: Sequence[Machine], at_least: timedelta, most: int | None = None) -> dict[str, Any]:
    """Return what a finding tells of idle machines; `most` is how many of them one plan may move."""
    hours = at_least / timedelta(hours=1)
    aimed = [machine for machine in idle if machine.target][:most]
    told: dict[str, Any] = {"machines": [machine.document(hours) for machine in idle], "targets": [machine.target for machine in aimed]}
    currencies = {machine.currency for machine in aimed}
    if aimed and len(currencies) == 1 and all(machine.hourly is not None for machine in aimed):
        total = sum((machine.hourly or Decimal(0) for machine in aimed), Decimal(0))
        told |= {"hourly_cost": format(total, "f"), "currency": currencies.pop()}
    return told


def described(machine: Machine) -> str:
    """Return what is known of an idle machine in one line."""
    worst = machine.busiest
    gpus = f"{len(machine.devices)} × {worst.gpu_model or 'GPU'}"
    coverage = min(device.coverage for device in machine.devices)
    seen = f"at most {100 * (worst.busiest or 0):.1f} % busy, {100 * coverage:.0f} % of the time seen"
    cost = f", {machine.hourly:.2f} {machine.currency} an hour" if machine.hourly is not None else ", no bill names it"
    return f"{gpus}, {seen}{cost}"
