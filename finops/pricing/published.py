"""The list's JSON form, as its project publishes it, read the way the installed list is."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from finops.pricing.builtin import ListStep, steps_of
from finops.pricing.tiers import STANDARD


@dataclass(frozen=True)
class Tiered:
    """A price by steps, as the list's JSON form writes it."""

    base: Decimal
    tiers: tuple["Bound", ...]


@dataclass(frozen=True)
class Bound:
    """From more than `start` input tokens on, `price` holds for all of them."""

    start: int
    price: Decimal


def read_json(model: dict[str, Any], tier: str, moment: datetime) -> tuple[ListStep, ...]:
    """Read a model of the list's JSON form at a moment; a tier it does not know has no steps."""
    if tier == STANDARD:
        dated = model.get("prices") or {}
        if isinstance(dated, dict):
            return steps_of(_from_json(dated))
        in_force = (one for one in reversed(dated) if _json_active(one.get("constraint"), moment))
        return steps_of(_from_json(next(in_force, dated[0])["prices"]))
    special = [one for one in model.get("price_variants") or () if set(one["when"].values()) == {tier}]
    held = [_from_json(one["prices"]) for one in reversed(special) if _json_active(one.get("constraint"), moment)]
    if not held:
        return ()
    given = {key: value for prices in held for key, value in prices.items()}
    return steps_of(given) if given else read_json(model, STANDARD, moment)


def _from_json(prices: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for key, value in prices.items():
        if isinstance(value, dict):
            bounds = (Bound(tier["start"], Decimal(tier["price"])) for tier in value["tiers"])
            read[key] = Tiered(Decimal(value["base"]), tuple(sorted(bounds, key=lambda bound: bound.start)))
        elif value is not None:
            read[key] = Decimal(value)
    return read


def _json_active(constraint: dict[str, str] | None, moment: datetime) -> bool:
    if not constraint:
        return True
    if "start_date" in constraint:
        return moment.date() >= date.fromisoformat(constraint["start_date"])
    start, end = (time.fromisoformat(constraint[name]) for name in ("start_time", "end_time"))
    now = moment.timetz().replace(tzinfo=start.tzinfo)
    return start <= now < end if start <= end else now >= start or now < end
