"""Compares what was promised with what was measured, soon after an action and when it is over, and says so under its message."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, exists, insert, select

from finops.guard.plans import Plan
from finops.guard.proposing import GATEWAY
from finops.guard.saving import HOUR, WINDOW, Flow, Prices, Span, rounded, since_fallback, since_limit
from finops.guard.snapshot import read_target
from finops.ledger.ledger import Ledger
from finops.ledger.loads import record
from finops.ledger.measuring_clouds import Kind, is_billed, measure_cloud
from finops.ledger.outbox import enqueue, escaped
from finops.ledger.proposals import Proposal, proposal
from finops.ledger.state import writing
from finops.ledger.tables_effects import executions
from finops.ledger.tables_effects import measured_savings as rows
from finops.ledger.tables_proposals import proposals
from finops.ledger.traffic import flows
from finops.ports import Lever

ACTOR: Final = "settle-actions"
SOON: Final = timedelta(minutes=30)
ARRIVAL: Final = timedelta(minutes=2)  # usage events come within moments, by way of the spool
LATEST: Final = timedelta(days=62)  # bills of a month are final in the middle of the next


@dataclass(frozen=True)
class Measured:
    """What an action saved in [begins, ends): measured where a range is given, in a sentence in any case."""

    begins: datetime
    ends: datetime
    span: Span | None
    currency: str | None
    said: str


def report_due(ledger: Ledger, prices: Prices, now: datetime, levers: Mapping[str, Lever] | None = None) -> list[str]:
    """Write and tell every comparison that is due, each once; return what was told. `levers` read how targets of clouds stand."""
    told = []
    for number, kind in due(ledger.engine, now):
        one = proposal(ledger.engine, f"P-{number}")
        begins, ends = _began(ledger.engine, number), _until(one, kind, now)
        if kind == "billed" and not is_billed(ledger, ends, now):
            continue
        measured = measure(ledger, prices, one, begins, ends, kind, levers or {})
        if keep(ledger.engine, one, kind, measured, now):
            told.append(measured.said)
    return told


def due(engine: Engine, now: datetime) -> list[tuple[int, Kind]]:
    """Return which proposals are to be compared now, and for which time: soon, at the end, and by the bill."""
    joined = select(proposals.c.number, proposals.c.state).join(executions, executions.c.proposal == proposals.c.number)
    ended = proposals.c.state == "ended", proposals.c.changed_at <= now - ARRIVAL
    late = proposals.c.state == "ended", proposals.c.changed_at > now - LATEST, proposals.c.lever.like("aws.%"), _is_measured()
    soon = proposals.c.state == "active", executions.c.started_at <= now - SOON - ARRIVAL
    with engine.connect() as connection:
        found: list[tuple[int, Kind]] = [(row.number, "soon") for row in _untold(connection, joined, "soon", soon)]
        found += [(row.number, "end") for row in _untold(connection, joined, "end", ended)]
        return found + [(row.number, "billed") for row in _untold(connection, joined, "billed", late)]


def _is_measured() -> Any:
    """Only a figure that was given can be confirmed."""
    end = rows.alias("end")
    return exists().where(end.c.proposal == proposals.c.number, end.c.kind == "end", end.c.likely.is_not(None))


def _untold(connection: Connection, joined: Any, kind: Kind, where: tuple[Any, ...]) -> Iterator[Any]:
    missing = and_(rows.c.proposal == proposals.c.number, rows.c.kind == kind)
    yield from connection.execute(joined.outerjoin(rows, missing).where(*where, rows.c.proposal.is_(None)).order_by(proposals.c.number))


def keep(engine: Engine, one: Proposal, kind: Kind, measured: Measured, now: datetime) -> bool:
    """Store a comparison and tell it in the thread, in one transaction; False where another process did."""
    saving, span = one.plan.saving, measured.span
    values: dict[str, Any] = {"measured_at": now, "begins": measured.begins, "ends": measured.ends, "said": measured.said}
    values |= {"currency": measured.currency, "promised": saving.likely * _hours(measured) if saving else None}
    values |= {"likely": span.likely, "low": span.low, "high": span.high} if span else {}
    with writing(engine) as tx:
        if tx.execute(select(rows.c.kind).where(rows.c.proposal == one.number, rows.c.kind == kind)).first():
            return False
        tx.execute(insert(rows).values(proposal=one.number, kind=kind, **values))
        record(tx, now, ACTOR, "saving.measured", one.id, {"kind": kind, "said": measured.said})
        if one.route.startswith("slack:"):  # elsewhere there are no threads
            first = f"proposal:{one.id}"
            key, payload = f"{first}:measured:{kind}", {"text": escaped(measured.said)}
            enqueue(tx, key=key, route=one.route, kind="thread", object_id=one.id, payload=payload, at=now, after=first)
    return True


def measure(
    ledger: Ledger, prices: Prices, one: Proposal, begins: datetime, ends: datetime, kind: Kind, levers: Mapping[str, Lever]
) -> Measured:
    """Work out what an action saved so far; where nobody can say, the sentence says why."""
    when = {"soon": "after it began", "end": "in all", "billed": "as the bill has them"}[kind]
    lead = f"{one.id}, {_span_words(ends - begins)} {when}: {_promised(one.plan, begins, ends)}"
    if not one.plan.lever.startswith(GATEWAY):
        return Measured(begins, ends, *measure_cloud(ledger, levers, one, (begins, ends), kind, lead))
    before, since = (_traffic(ledger, one.plan, *span) for span in ((begins - WINDOW, begins), (begins, ends)))
    if not since and one.plan.lever != "gateway.block":
        return Measured(begins, ends, None, None, f"{lead}; no traffic since, so nothing was saved or lost.")
    currencies = {flow.currency for flow in (*before, *since)}
    found = _measured(one.plan, before, since, prices, begins, ends) if len(currencies) == 1 else None
    if found is None:
        return Measured(begins, ends, None, None, f"{lead}; what was saved cannot be measured, for want of prices or of traffic before.")
    span, how = found
    currency = currencies.pop()
    likely, low, high = (f"{rounded(each):f}" for each in (span.likely, span.low, span.high))
    return Measured(begins, ends, span, currency, f"{lead}; measured {likely} {currency} (between {low} and {high}): {how}.")


def _measured(
    plan: Plan, before: list[Flow], since: list[Flow], prices: Prices, begins: datetime, ends: datetime
) -> tuple[Span, str] | None:
    if plan.lever == "gateway.fallback":
        found = since_fallback(before, since, plan.parameters["fallback"], prices)
        how = "requests were answered by the cheaper model, against the same tokens at the other's price"
        return (found[0], f"about {found[1]:,} {how}") if found else None
    span = since_limit(before, since, begins, ends)
    requests = sum(flow.requests for flow in since)
    return (span, f"{requests:,} requests passed, against the hours of the day before") if span else None


def _traffic(ledger: Ledger, plan: Plan, begin: datetime, end: datetime) -> list[Flow]:
    return [flow for target in plan.targets for flow in flows(ledger, read_target(target), begin, end)]


def _promised(plan: Plan, begins: datetime, ends: datetime) -> str:
    if plan.saving is None:
        return "no saving was promised"
    hours = Decimal((ends - begins) / HOUR)
    amounts = [f"{rounded(each * hours):f}" for each in (plan.saving.likely, plan.saving.low, plan.saving.high)]
    return f"promised {amounts[0]} {plan.saving.currency} (between {amounts[1]} and {amounts[2]})"


def _hours(measured: Measured) -> Decimal:
    return Decimal((measured.ends - measured.begins) / HOUR)


def _began(engine: Engine, number: int) -> datetime:
    with engine.connect() as connection:
        found: datetime = connection.execute(select(executions.c.started_at).where(executions.c.proposal == number)).scalar_one()
    return found


def _until(one: Proposal, kind: Kind, now: datetime) -> datetime:
    """Leave out the last moments, whose requests may not have come yet; what is over counts to its end, however late it was settled."""
    if kind == "soon":
        return now - ARRIVAL
    return min(one.changed_at, one.ends_at) if one.ends_at else one.changed_at


def _span_words(span: timedelta) -> str:
    minutes = max(1, int(span.total_seconds() // 60))
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
