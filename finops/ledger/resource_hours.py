"""Finds in bills what resources are charged by the hour: by their names as bills write them, or by a tag."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import case, func, or_, select

from finops.guard.hour_rates import HourLine
from finops.ledger import catalog
from finops.ledger.ledger import Ledger
from finops.ledger.statements import Asked, scope_of
from finops.periods import DAY, Period
from finops.query import CostQuery, Filter

HOURS: Final = ("hours", "hour", "hrs", "hr", "h", "instance-hours", "instance hours")
PLACE: Final = {
    "provider": "ProviderName",
    "account": "SubAccountId",
    "region": "RegionId",
    "service": "ServiceName",
    "team": "x_Team",
    "project": "x_Project",
    "env": "x_Env",
}


def hour_lines(
    ledger: Ledger, names: Sequence[str], start: datetime, end: datetime, *, tag: tuple[str, str] | None = None
) -> list[HourLine]:
    """Return the usage of `[start, end)` that is billed by the hour, of resources with one of the names, or with a tag of that value.

    A name is a whole resource id or what stands behind its last `/` or `:`, in any case of letters. A line is told with
    the asked name that found it.
    """
    period = Period(start.astimezone(UTC).date() - DAY, end.astimezone(UTC).date() + DAY)
    with ledger.engine.connect() as connection:
        held = catalog.live_files(connection, kinds=("bill",))
    paths = [file.path for file in held if file.first_day < period.end and file.last_day >= period.start]
    wanted = {name.casefold(): name for name in names}
    if not paths or not (wanted or tag):
        return []
    with ledger.facts.reading(paths) as reading:
        charge = reading.charges.c
        identity, called = func.lower(charge["ResourceId"]), func.lower(charge["ResourceName"])
        tail = func.regexp_replace(identity, "^.*[/:]", "")
        which = or_(*(each.in_(sorted(wanted)) for each in (identity, called, tail))) if wanted else _tagged(reading.charges, period, tag)
        quantity = case(
            (func.lower(charge["ConsumedUnit"]).in_(HOURS), charge["ConsumedQuantity"]),
            (func.lower(charge["PricingUnit"]).in_(HOURS), charge["PricingQuantity"]),
        )
        asked = select(
            *(identity, called, func.coalesce(charge["SkuMeter"], charge["SkuId"], "")),
            *(charge["ChargePeriodStart"], charge["ChargePeriodEnd"], quantity, charge["EffectiveCost"], charge["BillingCurrency"]),
            *(charge["CommitmentDiscountId"], charge["PricingCategory"], charge["x_Source"], *(charge[each] for each in PLACE.values())),
        ).where(
            which,
            quantity > 0,
            charge["EffectiveCost"].is_not(None),
            charge["ChargeCategory"] == "Usage",
            charge["ChargePeriodStart"] >= _plain(start),
            charge["ChargePeriodStart"] < _plain(end),
        )
        return [_line(row, wanted) for row in reading.run(asked)]


def _tagged(source: Any, period: Period, tag: tuple[str, str] | None) -> Any:
    assert tag is not None
    return scope_of(Asked(CostQuery(period, scope=(Filter(f"tag:{tag[0]}", (tag[1],)),)), None), source)[0]


def _plain(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _line(row: tuple[Any, ...], wanted: dict[str, str]) -> HourLine:
    identity, called, meter, start, end, hours, cost, currency, commitment, category, source, *place = row
    tail = (identity or "").replace(":", "/").rpartition("/")[2]
    name = next((wanted[each] for each in (identity, called, tail) if each in wanted), identity or called or "")
    known = tuple((key, str(value)) for key, value in zip(PLACE, place, strict=True) if value is not None)
    committed = commitment is not None or category == "Committed"
    begins, ends = (each.replace(tzinfo=UTC) for each in (start, end or start))
    return HourLine(name, meter, begins, ends, hours, cost, currency, committed, source, known)
