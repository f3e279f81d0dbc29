"""Snapshots and guards with clocks that tests turn."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from gateway.guard import Guard
from gateway.limits import read_limit
from gateway.prices import Price, Prices
from gateway.snapshot import Snapshot, key_digest

KEYS = {
    "key-ml": {"team": "ml", "tenant": "acme", "route": "chat"},
    "key-ads": {"team": "ads", "tenant": "globex", "route": "chat"},
    "key-lab": {"team": "lab", "tenant": "acme"},
}
PREMIUM = Price(Decimal("0.00001"), Decimal("0.00003"), Decimal("0.000001"), Decimal("0.00002"))
CHEAP = Price(Decimal("0.000001"), Decimal("0.000002"), Decimal("0.0000001"), Decimal("0.000001"))


def snapshot(*limits: dict[str, Any], version: int = 1, closed: bool = True, prices: dict[str, Price] | None = None) -> Snapshot:
    known = {"premium": PREMIUM, "cheap": CHEAP} if prices is None else prices
    keys = {key_digest(key): dimensions for key, dimensions in KEYS.items()}
    return Snapshot(version, 15.0, keys, tuple(read_limit(each) for each in limits), Prices(known), closed)


@dataclass
class Clock:
    """Seconds that only tests move."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Worker:
    """A guard with its clock; `wall` is the same one."""

    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.guard = Guard(self.clock, self.clock)

    def with_limits(self, *limits: dict[str, Any], version: int = 1, fresh: float = 1e9, workers: int = 1, **more: Any) -> Guard:
        self.guard.install(snapshot(*limits, version=version, **more), self.clock.now + fresh, workers)
        return self.guard

    def grant(self, tokens: int = 0, cost: str = "0", *, dry: bool = False, day: str = "2026-11-21", lasts: float = 60.0) -> None:
        """Answer every report with the same allowance."""
        for share, sent in self.guard.reports(0, everything=False):
            answer = {"day": day, "allowed": {"tokens": tokens, "cost": cost}, "dry": dry}
            self.guard.granted(share, sent, answer, self.clock.now + lasts, self.clock.now + 3600)


def limit(match: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "q", "match": match if match is not None else {"team": ["ml"]}, **fields}
