"""`/cost anomalies …`: what was not as usual, found anew in the ledger, with what people said of it; `anomalies A-…` tells one in full."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import TYPE_CHECKING, Any, Final

from bot.assemble import Tools
from bot.replies import Asking, TextReply
from finops.errors import QueryError, close_to
from finops.language.question_words import read_question
from finops.periods import DAY, Period
from finops.query import CostQuery, parse, spelled, unknown_sentences
from finops.telling.answer_json import moment
from finops.telling.drawings import Drawing
from finops.telling.sentences import known_to

if TYPE_CHECKING:
    from finops.insight.anomalies_events import Anomaly
    from finops.ledger.anomaly_rows import Stored
    from finops.ledger.spotting import Spotted
    from finops.telling.anomaly_words import Told

ANOMALY: Final = re.compile(r"A-[0-9a-f]{10}", re.IGNORECASE)
LISTED_ALERT: Final = re.compile(r"A-[0-9]{1,9}", re.IGNORECASE)
USUALLY: Final = 30  # days
LOOKED_AT: Final = 90  # days, for an id
EXPLAINED: Final = 12  # the largest, whose drivers are looked up
GRAVE: Final = 25
SHOWN: Final = 15
Known = Mapping[str, Collection[str]]


def anomalies_verb(tools: Tools, rest: str, asking: Asking, known: Known) -> TextReply:
    """Raises QueryError for an id nobody gave, and for a question that cannot be read or asks for a split."""
    text = rest.strip()
    if ANOMALY.fullmatch(text):
        return _one(tools, f"A-{text[2:].lower()}", asking)
    if LISTED_ALERT.fullmatch(text):
        raise QueryError(f"{text.upper()} is an alert, not an anomaly; alerts lists them", suggestion="alerts all")
    return _listed(tools, _read(text, asking, known), asking, known)


def _listed(tools: Tools, query: CostQuery, asking: Asking, known: Known) -> TextReply:
    from finops.ledger.spotting import spot
    from finops.telling import anomaly_words as words

    today = tools.today(asking.until)
    spotted = spot(tools.ledger, tools.rulebook, query.period, asking.until, scope=query.scope)
    if not spotted.checked and (meant := spelled(query, known)) != query:
        return _listed(tools, meant, asking, known)
    found = _with_drivers(tools, told_of(tools, spotted, query, asking), asking)
    more = [f"The {SHOWN} gravest of {len(found)} are shown; scripts get all of them."] if len(found) > SHOWN else []
    more += [] if spotted.checked else unknown_sentences(query, known)
    lines = (words.headline(found, query.period, today, spotted.checked), *more, known_to(spotted.as_of, spotted.complete_until, today))
    document = {
        "anomalies": [words.document(one) for one in found],
        "series_checked": spotted.checked,
        "period": {"start": query.period.start.isoformat(), "end": query.period.end.isoformat()},
        "left_out": spotted.left_out,
        "as_of": moment(spotted.as_of) if spotted.as_of else None,
        "complete_through": (spotted.complete_until - DAY).isoformat() if spotted.complete_until else None,
    }
    grid = words.grid(words.gravest(found, SHOWN), today) if found else None
    return TextReply("Anomalies", lines, document, grid=grid, drawing=_drawing(found, spotted, asking, today))


def _one(tools: Tools, identity: str, asking: Asking) -> TextReply:
    from finops.ledger.spotting import spot
    from finops.telling import anomaly_words as words

    today = tools.today(asking.until)
    query = CostQuery(Period(today - DAY * LOOKED_AT, today + DAY))
    spotted = spot(tools.ledger, tools.rulebook, query.period, asking.until)
    found = told_of(tools, spotted, query, asking, every=True)
    by_id = {one.anomaly.id: one for one in found}
    if identity not in by_id:
        near = tuple(f"anomalies {each}" for each in close_to(identity, by_id))
        raise QueryError(f"there is no anomaly {identity} in the last {LOOKED_AT} days", suggestion="anomalies", did_you_mean=near)
    (told,) = _with_drivers(tools, [by_id[identity]], asking)
    document = {"anomalies": [words.document(told)], "series_checked": spotted.checked}
    lines = (*words.lines(told, today), known_to(spotted.as_of, spotted.complete_until, today))
    return TextReply(f"Anomaly {identity}", lines, document, drawing=_drawing([told], spotted, asking, today))


def told_of(tools: Tools, spotted: "Spotted", query: CostQuery, asking: Asking, *, every: bool = False) -> list["Told"]:
    """Return what was found with what is known of it: one for each cause, or `every` series; and what was kept and is found no more."""
    from finops.ledger.anomalies import kept, said

    stored, words = kept(tools.ledger.engine, asking.until), said(tools.ledger.engine)
    plain = [_found(group.driver, group.members) for group in spotted.groups]
    if every:
        drivers = {one.anomaly.id for one in plain}
        plain += [_found(one) for one in spotted.anomalies if one.id not in drivers]
    found = {each.id for group in spotted.groups for each in (group.driver, *group.members)}
    known = [_known(one, stored, words, tools.today(asking.until), found) for one in plain]
    seen = {one.anomaly.id for one in known} | {each.id for one in known for each in one.also}
    gone = [_of_stored(one) for one in stored if one.id not in seen and (every or one.told_with is None) and _asked(one, query)]
    return sorted([*known, *gone], key=lambda one: (-abs(one.anomaly.excess), one.anomaly.id))


def _found(one: "Anomaly", also: Sequence["Anomaly"] = ()) -> "Told":
    """Before anybody said a word of it: what is over is resolved."""
    from finops.telling.anomaly_words import Told

    return Told(one, "resolved" if one.status == "ended" else "open", also=tuple(also))


def _known(told: "Told", stored: Sequence["Stored"], words: Sequence[Any], today: Any, found: Collection[str]) -> "Told":
    """By its id, or as the same of that series and time under an older one; without any, by what people said of the like before."""
    from finops.insight.anomalies_feedback import expected_by
    from finops.insight.anomalies_muted import muted_by
    from finops.ledger.spotting import is_same_cause

    one = told.anomaly
    same = [each for each in stored if each.id == one.id]
    same += [
        each
        for each in stored
        if each.id not in found
        and (each.case.anomaly.key, each.case.anomaly.step) == (one.key, one.step)
        and is_same_cause(each.case.anomaly, one)
    ]
    if same:
        return replace(_of_stored(same[0]), anomaly=replace(one, id=same[0].id), also=told.also)
    if word := expected_by(one, words):
        return replace(told, state="expected", reason=word.reason, until=word.until)
    if word := muted_by(one, words, today):
        return replace(told, said=f"The like was called of no use on {word.told_on}, so nobody is told of it.")
    return told


def _of_stored(one: "Stored") -> "Told":
    from finops.telling.anomaly_words import Told

    return Told(one.case.anomaly, one.case.state, by=one.changed_by, reason=one.case.reason, until=one.until)


def _asked(one: "Stored", query: CostQuery) -> bool:
    from finops.ledger.spotting import day_of, inside

    seen = one.case.anomaly
    last = day_of(seen.end) + (DAY if isinstance(seen.end, datetime) and seen.end.time() != time() else DAY * 0)
    return day_of(seen.start) < query.period.end and last > query.period.start and inside(seen.key, query.scope)


def _with_drivers(tools: Tools, found: Sequence["Told"], asking: Asking) -> list["Told"]:
    """The largest, and the grave, are taken apart; of the others the scope itself is the most that is told."""
    grave = [one.anomaly.id for one in found if one.anomaly.severity == "high"][:GRAVE]
    chosen = {*grave, *(one.anomaly.id for one in found[:EXPLAINED])}
    return [replace(one, drivers=_drivers(tools, one, asking, looked_up=one.anomaly.id in chosen)) for one in found]


def _drivers(tools: Tools, told: "Told", asking: Asking, *, looked_up: bool) -> tuple[Any, ...]:
    from finops.insight.drivers_told import Driver
    from finops.ledger.spotting import drivers_of
    from finops.telling.anomaly_words import money

    one = told.anomaly
    if looked_up:
        return drivers_of(tools.ledger, one, asking.until)
    return (Driver(one.key, money(one.excess), 1.0, money(one.expected), money(one.actual)),)


def _drawing(found: Sequence["Told"], spotted: "Spotted", asking: Asking, today: Any) -> Drawing | None:
    from finops.ledger.spotting import around_of
    from finops.telling.anomaly_words import drawing

    seen = around_of(spotted, found[0].anomaly) if found and asking.chart else None
    return drawing(found[0], seen, today, known_to(spotted.as_of, spotted.complete_until, today)) if seen else None


def _read(text: str, asking: Asking, known: Known) -> CostQuery:
    """Read scope and period; without a period, the thirty days before and today."""
    today = asking.until.date()
    try:
        query = _parsed(text, asking, known)
    except QueryError as problem:
        better = tuple(f"anomalies {each}" for each in problem.did_you_mean)
        raise QueryError(str(problem), suggestion="anomalies team=ml last 30d", did_you_mean=better) from problem
    if query.by or query.count:
        what = f"by={query.by[0]}" if query.by else f"count={query.count}"
        raise QueryError(f"anomalies looks through every layer by itself; leave {what} out", suggestion="anomalies last 30d")
    asked = read_question(text, today, known).period if text else None
    return query if asked else replace(query, period=Period(today - DAY * USUALLY, today + DAY))


def _parsed(text: str, asking: Asking, known: Known) -> CostQuery:
    try:
        return parse(text, asking.until.date())
    except QueryError:
        return parse(text, asking.until.date(), values=known)
