"""What lies outside our walls: the protocols that the edges of the house answer to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from finops.deliveries import Progress
from finops.guard.plans import Plan


@dataclass(frozen=True)
class Offer:
    """A delivery that a source holds ready for the billing `period` (`2026-03`).

    `id` names what would be fetched: for objects a SHA-256 over their names, sizes and etags in order, for an interface
    the period and the instant it was asked. `waiting` says why it cannot be taken yet: a part is missing or too short.
    """

    id: str
    period: str
    delivered_at: datetime
    what: str  # as a person would look for it: s3://bucket/…/Manifest.json
    waiting: str | None = None


@dataclass(frozen=True)
class Fetched:
    """Local files of one offer, the name of the format that reads them, and the rows its manifest announces."""

    paths: tuple[Path, ...]
    format: str
    rows: int | None = None


class Source(Protocol):
    """Where bills come from. `permissions` are all it needs, and they only read."""

    name: str
    permissions: tuple[str, ...]

    def offers(self, since: date) -> Iterable[Offer]:
        """Return the newest delivery of every billing period that ends after `since`, oldest period first.

        Raises SourceError when the source cannot be reached or refuses us.
        """
        ...

    def fetch(self, offer: Offer, folder: Path, progress: Progress | None = None) -> Fetched:
        """Bring an offer into `folder`; files already there whole are not fetched again. Raises SourceError."""
        ...

    def problems(self) -> list[str]:
        """Return what stops it from being read, a sentence each: `check --online`."""
        ...


Standing = Literal["as before", "applied", "changed", "gone"]


class Lever(Protocol):
    """A real thing that can be moved. Whatever it is told is a desired state, so that repeating a call changes nothing.

    `permissions` are all it needs. Calls raise LeverError where certainly nothing happened, LeverUnknownError where the
    answer was lost and the call may have had its effect: then `observe` tells, and nothing is repeated blindly.
    """

    name: str
    permissions: tuple[str, ...]

    def look(self, targets: Sequence[str], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return how each target stands now, as plain JSON: the before-image of a plan."""
        ...

    def describe(self, plan: Plan) -> list[str]:
        """Return what would be done, a sentence for each target; reads, never writes."""
        ...

    def apply(self, plan: Plan, target: str) -> None: ...

    def revert(self, plan: Plan, target: str) -> None:
        """Put a target back as the plan's before-image has it."""
        ...

    def observe(self, plan: Plan, target: str) -> Standing:
        """Say whether a target stands as before the plan, as the plan wants it, or otherwise."""
        ...
