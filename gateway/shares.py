"""A worker's share of a daily quota: what it may use without asking, what it has used, what is under way."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

NOTHING: Final = Decimal(0)
LOW: Final = 2  # asks for more once less than half of what it last got is left


@dataclass
class Amount:
    """Tokens and money side by side; None where the quota does not count them."""

    tokens: int = 0
    cost: Decimal = NOTHING


class Share:
    """Counts of one limit for one subject. All numbers only grow within a day, so that a report may be repeated or lost.

    `allowed` is what the control plane let us use in all today, `until` the moment from which that is void, `ends` the end
    of the day. `dry` means that what did not fit was asked for and not to be had.
    """

    __slots__ = ("allowed", "counts_cost", "counts_tokens", "day", "dry", "ends", "last", "missed", "reserved", "until", "used")

    def __init__(self, *, counts_tokens: bool, counts_cost: bool) -> None:
        self.counts_tokens, self.counts_cost = counts_tokens, counts_cost
        self.day = ""
        self.until = -1.0
        self.ends = -1.0
        self.dry = False
        self.used, self.reserved, self.allowed, self.last, self.missed = Amount(), Amount(), Amount(), Amount(), Amount()

    def fits(self, tokens: int, cost: Decimal, now: float) -> bool:
        """Tell whether so much more may be used; remember what was missing, to ask for it."""
        enough = (
            now < self.until
            and (not self.counts_tokens or self.used.tokens + self.reserved.tokens + tokens <= self.allowed.tokens)
            and (not self.counts_cost or self.used.cost + self.reserved.cost + cost <= self.allowed.cost)
        )
        if not enough:
            self.missed.tokens, self.missed.cost = max(self.missed.tokens, tokens), max(self.missed.cost, cost)
        return enough

    def reserve(self, tokens: int, cost: Decimal) -> None:
        self.reserved.tokens += tokens
        self.reserved.cost += cost

    def settle(self, reserved: tuple[int, Decimal], used: tuple[int, Decimal]) -> None:
        self.reserved.tokens -= reserved[0]
        self.reserved.cost -= reserved[1]
        self.used.tokens += used[0]
        self.used.cost += used[1]

    def wants_more(self, now: float, renew_before: float) -> bool:
        """Tell whether to ask: never asked, something did not fit, little is left, or it runs out soon."""
        if self.missed.tokens or self.missed.cost or now + renew_before >= self.until:
            return True
        tokens_left = self.allowed.tokens - self.used.tokens - self.reserved.tokens
        cost_left = self.allowed.cost - self.used.cost - self.reserved.cost
        return (self.counts_tokens and LOW * tokens_left < self.last.tokens) or (self.counts_cost and LOW * cost_left < self.last.cost)

    def report(self, *, leaving: bool = False) -> dict[str, Any]:
        """Return what the control plane must know; a worker that leaves gives back all it has not reserved."""
        if leaving:
            self.allowed.tokens = min(self.allowed.tokens, self.used.tokens + self.reserved.tokens)
            self.allowed.cost = min(self.allowed.cost, self.used.cost + self.reserved.cost)
        want = Amount() if leaving else Amount(self.reserved.tokens + self.missed.tokens, self.reserved.cost + self.missed.cost)
        return {
            "day": self.day,
            "leaving": leaving,
            "used": {"tokens": self.used.tokens, "cost": _text(self.used.cost)},
            "allowed": {"tokens": self.allowed.tokens, "cost": _text(self.allowed.cost)},
            "want": {"tokens": want.tokens, "cost": _text(want.cost)},
        }

    def granted(self, sent: dict[str, Any], answer: dict[str, Any], until: float, ends: float) -> None:
        """Take the answer to a report. On a new day the count begins with what was used since the report was written."""
        tokens, cost = int(answer["allowed"]["tokens"]), Decimal(answer["allowed"]["cost"])
        if answer["day"] != self.day:
            self.day = answer["day"]
            self.used = Amount(self.used.tokens - sent["used"]["tokens"], self.used.cost - Decimal(sent["used"]["cost"]))
        self.last = Amount(max(0, tokens - self.used.tokens), max(NOTHING, cost - self.used.cost))
        self.allowed, self.missed, self.until, self.ends = Amount(tokens, cost), Amount(), until, ends
        self.dry = bool(answer["dry"])


def _text(amount: Decimal) -> str:
    return format(amount, "f")
