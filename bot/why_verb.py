"""`/cost why …`: why a cost changed, why an anomaly is one, and how an answer came about."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Final

from bot.assemble import Tools
from bot.replies import Asking, TextReply
from finops.errors import QueryError, close_to
from finops.language.echo import describe, echo
from finops.language.query_json import from_json
from finops.periods import DAY, Period
from finops.query import CostQuery, parse, spelled, unknown_sentences
from finops.telling import why_page
from finops.telling.answer_json import amount, document, moment

if TYPE_CHECKING:
    from finops.insight.anomalies_events import Anomaly

ANOMALY: Final = re.compile(r"A-[0-9a-f]{10}", re.IGNORECASE)
IDENTITY: Final = re.compile(r"[APQ]-\S*", re.IGNORECASE)
LOOKED_AT: Final = (30, 90)  # days before the question, for anomalies that no job has kept: as many as a list shows, then more

Known = Mapping[str, Collection[str]]


def why_verb(tools: Tools, rest: str, asking: Asking, known: Known) -> TextReply:
    """Raises QueryError for an id nobody gave, and for a question that cannot be read or compares with nothing."""
    text = rest.strip()
    if IDENTITY.fullmatch(text):
        return _by_identity(tools, text, asking)
    query = _read(text, tools.today(asking.until), known)
    if query.count:
        raise QueryError(f"why explains a cost, not how many; leave count={query.count} out", suggestion="why last 7d")
    said = told(tools, query, asking)
    return said if said.document["drivers"] or said.document["by_currency"] else _unknown(tools, query, asking, known, said)


def told(tools: Tools, about: "CostQuery | Anomaly", asking: Asking) -> TextReply:
    """Explain a change or an anomaly, for whoever has one at hand. Raises QueryError where it compares with nothing."""
    from finops.ledger.whying import explained

    today = tools.today(asking.until)
    found = explained(tools.ledger, about, asking.until, known_at=asking.known_at)
    effects = why_page.effects_grid(found)
    return TextReply(
        why_page.title(found, today),
        why_page.lines(found, today),
        why_page.document(found, today),
        grid=why_page.drivers_grid(found),
        more=(effects,) if effects else (),
        drawing=why_page.bridge(found, today) if asking.chart else None,
    )


def why_answer(tools: Tools, identity: str, asking: Asking) -> TextReply:
    """Explain the change that an answer told, by all dimensions, as of when it was asked."""
    kept, until = tools.ledger.recall(identity)
    return told(tools, replace(from_json(kept), by=(), count=None), replace(asking, until=until))


def replay(tools: Tools, identity: str) -> TextReply:
    """Answer a question again by its id: how it was understood, from which deliveries, by which statements, with which result."""
    kept, until = tools.ledger.recall(identity)
    query = from_json(kept)
    again = tools.ledger.answer(query, until)
    loads, statements = tools.ledger.evidence(query, until)
    totals = [f"{amount(sums.total) or 'no data'} {sums.currency}" for sums in again.sums] or ["no data"]
    lines = (
        f"Asked: {echo(query)}",
        f"Understood as: {describe(query, tools.today(until))}",
        f"Now answers: {', '.join(totals)}",
        *(f"From: {load.source} {load.period}, delivered {load.delivered_at:%Y-%m-%d %H:%M}Z, {load.rows} rows" for load in loads),
    )
    evidence = [{"source": one.source, "period": one.period, "delivered_at": moment(one.delivered_at), "rows": one.rows} for one in loads]
    found = {"id": identity, "question": echo(query), "loads": evidence, "sql": list(statements), "answer": document(again)}
    return TextReply(f"Why {identity}", lines, found, code=statements)


def _by_identity(tools: Tools, said: str, asking: Asking) -> TextReply:
    if ANOMALY.fullmatch(said):
        return told(tools, anomaly_of(tools, f"A-{said[2:].lower()}", asking), asking)
    if said[0].upper() in "AP":
        raise _other(said[:40].upper())
    return replay(tools, said.upper())


def _other(identity: str) -> QueryError:
    """Say where to ask about an id that why does not explain."""
    if not re.fullmatch(r"[AP]-[0-9]+", identity):
        return QueryError(f"'{identity}' is no id of an anomaly, which is A- and ten signs; anomalies lists them", suggestion="anomalies")
    what = "a proposal" if identity[0] == "P" else "an alert"
    said = f"why explains questions, answers (Q-…) and anomalies (A-…); {identity} is {what}, of which audit tells"
    return QueryError(said, suggestion=f"audit {identity}")


def anomaly_of(tools: Tools, identity: str, asking: Asking) -> "Anomaly":
    """Return the anomaly of that id, as it was kept or else found anew in the ledger. Raises QueryError where there is none."""
    from finops.ledger.anomalies import kept
    from finops.ledger.spotting import spot

    if stored := [one.case.anomaly for one in kept(tools.ledger.engine, asking.until) if one.id == identity]:
        return stored[0]
    today = tools.today(asking.until)
    by_id: dict[str, Anomaly] = {}
    for days in LOOKED_AT:
        found = spot(tools.ledger, tools.rulebook, Period(today - DAY * days, today + DAY), asking.until).anomalies
        by_id |= {one.id: one for one in found}
        if identity in by_id:
            return by_id[identity]
    near = tuple(f"why {each}" for each in close_to(identity, by_id))
    raise QueryError(f"there is no anomaly {identity} in the last {LOOKED_AT[-1]} days", suggestion="anomalies", did_you_mean=near)


def _read(text: str, today: date, known: Known) -> CostQuery:
    """Read a question; what it might have been begins with `why` too."""
    try:
        return parse(text, today)
    except QueryError:
        try:
            return parse(text, today, values=known)
        except QueryError as problem:
            better = tuple(f"why {each}" for each in problem.did_you_mean)
            suggestion = f"why {problem.suggestion}" if problem.suggestion else "why last 7d"
            raise QueryError(str(problem), suggestion=suggestion, did_you_mean=better) from problem


def _unknown(tools: Tools, query: CostQuery, asking: Asking, known: Known, said: TextReply) -> TextReply:
    """Nothing matched: ask again with other capitals, or say which value there is not."""
    meant = spelled(query, known)
    if meant != query:
        return told(tools, meant, asking)
    unknown = unknown_sentences(query, known)
    return (
        replace(said, lines=(said.lines[0], *unknown, *said.lines[1:]), document={**said.document, "notes": unknown}) if unknown else said
    )
