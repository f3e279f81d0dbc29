"""What differs between two price tables: changed prices, models that only one of them knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from finops.pricing.tables import Key, Row, Table

HUNDRED: Final = Decimal(100)


@dataclass(frozen=True)
class Change:
    """A price per million tokens (or per request) in two tables; None where one of them gives none.

    `written` is the model as the table that calls it otherwise has it.
    """

    provider: str
    model: str
    kind: str
    before: Decimal | None
    after: Decimal | None
    written: str | None = None

    @property
    def share(self) -> Decimal | None:
        """How much dearer it became, as a share of the first price."""
        if not self.before or self.after is None:
            return None
        return (self.after - self.before) / self.before


@dataclass(frozen=True)
class Differences:
    """`changed` is dearest first; `compared` counts the models both tables know."""

    changed: tuple[Change, ...]
    new: tuple[Key, ...]
    gone: tuple[Key, ...]
    compared: int


def differences(before: Table, after: Table, above: Decimal = Decimal(0)) -> Differences:
    """Compare two tables; changes of a share up to `above` are left out.

    A kind of price that only one table gives counts as a change only between tables of one family.
    """
    both = sorted(before.rows.keys() & after.rows.keys())
    same_family = before.family == after.family
    changed = {
        (change.provider, change.model, change.kind, change.before, change.after): change
        for key in both
        for old in before.rows[key]
        for new in after.rows[key]
        for change in reversed(list(_changes(key, old, new, same_family=same_family)))
        if _matters(change, above)
    }
    return Differences(
        tuple(sorted(changed.values(), key=_order)),
        tuple(sorted(after.rows.keys() - before.rows.keys())),
        tuple(sorted(before.rows.keys() - after.rows.keys())),
        len(both),
    )


def _changes(key: Key, old: Row, new: Row, *, same_family: bool) -> Iterator[Change]:
    written = next((row.model for row in (new, old) if row.model != key[1]), None)
    for part in sorted(old.prices.keys() | new.prices.keys()):
        before, after = old.price(part), new.price(part)
        if before != after and (same_family or (before is not None and after is not None)):
            yield Change(*key, str(part), before, after, written)


def _matters(change: Change, above: Decimal) -> bool:
    return change.share is None or abs(change.share) > above


def _order(change: Change) -> tuple[Decimal, str, str, str]:
    """Put the largest changes first, and before them what has no share: prices that came, went or began at 0."""
    size = HUNDRED**3 if change.share is None else abs(change.share)
    return -size, change.provider, change.model, change.kind
