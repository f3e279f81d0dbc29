"""How fast the budgets around adaptive limits are spent, and what gateways are told of it: kept for all processes, with a version."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, Engine, insert, select, update

from finops.configuration.rulebook_budgets import Budget
from finops.configuration.rulebook_quotas import Quota
from finops.guard.adaptive import CALM, Measured, Speed, adaptive, moved, nearest
from finops.ledger.gateway import bump
from finops.ledger.loads import record
from finops.ledger.state import writing
from finops.ledger.tables_gateway import gateway_speeds as rows
from finops.ledger.watched import Looking
from finops.periods import DAY

ACTOR: Final = "check-budgets"
WINDOW: Final = timedelta(days=1)  # shorter ones would take every working day for a fire


def measure(quotas: Sequence[Quota], budgets: Sequence[Budget], looking: Looking, now: datetime) -> list[Measured]:
    """Return for each adaptive quota how fast the budget around it is spent."""
    return [_measured(quota, nearest(quota, budgets), looking, now) for quota in adaptive(quotas)]


def _measured(quota: Quota, around: Sequence[Budget], looking: Looking, now: datetime) -> Measured:
    """Of several budgets the one that is spent the fastest counts; while one of them cannot be told, none is."""
    if not around:
        return Measured(quota.id, None, why=f"no budget holds all of {quota.id}")
    found: list[tuple[Decimal, str]] = []
    for budget in around:
        doubts = looking.state(budget).doubts
        burn = None if doubts else burn_of(budget, looking, now)
        if burn is None:
            return Measured(
                quota.id, None, budget.name, doubts[0] if doubts else f"nothing that tells a burn rate of {budget.name} is known"
            )
        found.append((burn, budget.name))
    burn, name = max(found)
    return Measured(quota.id, burn, name)


def burn_of(budget: Budget, looking: Looking, now: datetime) -> Decimal | None:
    """Return a day's burn rate: the highest of the day until now, the day until the slowest source was heard, the last complete one.

    The latter two do not fall while figures are missing, so that silence is never taken for calm.
    """
    known = looking.spending(budget)
    ends = {now}
    if known.delivered_at is not None and known.complete_until is not None:
        ends.add(min(now, known.delivered_at))
        if looking.has_bills(known.complete_until - DAY):  # usage alone needs no complete day: it comes as it is used
            ends.add(min(now, datetime.combine(known.complete_until, time(), UTC)))
    rates = [looking.burn(budget, WINDOW, end) for end in sorted(ends)]
    return max((rate for rate in rates if rate is not None), default=None)


def speeds(source: Connection | Engine) -> dict[str, Decimal]:
    """Return the burn rates gateways are told, by quota; one that was never measured is not among them."""
    if isinstance(source, Engine):
        with source.connect() as connection:
            return speeds(connection)
    return {row.quota: row.told for row in source.execute(select(rows.c.quota, rows.c.told))}


def keep(engine: Engine, measured: Iterable[Measured], now: datetime) -> list[str]:
    """Follow what was measured; raise the version, on record, where gateways must learn of it. Returns sentences for people."""
    with writing(engine) as tx:
        said = [sentence for one in measured if (sentence := _kept(tx, one, now))]
        if said:
            bump(tx, now, "burn rates")
        return said


def _kept(tx: Connection, one: Measured, now: datetime) -> str | None:
    row = tx.execute(select(rows).where(rows.c.quota == one.quota)).first()
    before = None if row is None else Speed(row.burn, row.told, row.at)
    if before is None and one.burn is None:
        return None  # never measured: nothing to hold on to
    after = moved(before, one.burn, now)
    values = {"burn": after.burn, "told": after.told, "at": after.at}
    if before is None:
        tx.execute(insert(rows).values(quota=one.quota, **values))
    elif after != before:
        tx.execute(update(rows).where(rows.c.quota == one.quota).values(**values))
    was = before.told if before else CALM
    if after.told == was:
        return None
    detail = {"budget": one.budget, "measured": format(one.burn or 0, ".4f"), "from": str(was), "to": str(after.told)}
    record(tx, now, ACTOR, "gateway.speed", one.quota, detail)
    return f"the rate of {one.quota} goes by {float(after.told):.3g}× instead of {float(was):.3g}× of {one.budget}"
