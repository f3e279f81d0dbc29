"""Bills of different sources for the same provider, account and day: one of them counts the money a second time."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from finops.insight.reconcile_lines import NOTHING, Billed

AGREE: Final = Decimal("0.02")  # two bills of the same use agree about this well


@dataclass(frozen=True)
class Twice:
    """`amount` of `source` is on the bill of `kept` too; `perhaps` where they name no account in common, or differ."""

    provider: str
    account: str | None
    kept: str
    source: str
    day: date
    currency: str
    amount: Decimal
    perhaps: bool


def without_twice(billed: Sequence[Billed]) -> tuple[list[Billed], list[Twice]]:
    """Part the lines of one provider, currency and stretch of days into those to compare and what repeats them."""
    if len({line.source for line in billed}) < 2:
        return list(billed), []
    found = [*_same_account(billed)]
    dropped = {(one.source, one.account) for one in found}
    kept = [line for line in billed if (line.source, line.account) not in dropped]
    found += (others := _same_total(kept))
    whole = {one.source for one in others}
    return [line for line in kept if line.source not in whole], found


def _same_account(billed: Sequence[Billed]) -> Iterable[Twice]:
    for account in sorted({line.account for line in billed if line.account}):
        yield from _repeats([line for line in billed if line.account == account], account)


def _same_total(billed: Sequence[Billed]) -> list[Twice]:
    """Sources that leave the account out are the same bill only perhaps: where what they bill agrees."""
    if all(line.account for line in billed):
        return []
    return [replace(one, perhaps=True) for one in _repeats(billed, None) if not one.perhaps]


def _repeats(lines: Sequence[Billed], account: str | None) -> Iterable[Twice]:
    """Of several bills the one that says most of models and tokens is kept."""
    sums = _sums(lines)
    if len(sums) < 2:
        return
    said = {
        source: sum((line.model is not None) + (line.quantity is not None) for line in lines if line.source == source) for source in sums
    }
    kept = max(sums, key=lambda source: (said[source], sums[source], source))
    for source in sorted(sums.keys() - {kept}):
        agree = abs(sums[source] - sums[kept]) <= AGREE * max(abs(sums[source]), abs(sums[kept]))
        day = min(line.period.start for line in lines if line.source == source)
        yield Twice(lines[0].provider, account, kept, source, day, lines[0].currency, sums[source], perhaps=not agree)


def _sums(lines: Iterable[Billed]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(lambda: NOTHING)
    for line in lines:
        sums[line.source] += line.cost
    return {source: amount for source, amount in sums.items() if amount}
