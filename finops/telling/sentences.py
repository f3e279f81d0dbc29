"""An answer in words: the headline, what moved, how fresh it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from finops.answers import Answer, Row, Sums
from finops.insight.unit_costs import unit_costs
from finops.money import percent, show, show_each, signed
from finops.periods import DAY, Period
from finops.query import NONE, CostQuery, Filter
from finops.telling.day_words import against, day_name, during
from finops.telling.names import clean, dimension_words, label, others

SPENDERS = frozenset({"team", "project", "user", "tenant", "feature"})


@dataclass(frozen=True)
class Part:
    """A piece of a sentence; `strong` ones are shown bold where that is possible."""

    text: str
    strong: bool = False


def headline(answer: Answer, today: date) -> str:
    """Say the total, the period and the change in one plain sentence."""
    return "".join(part.text for part in headline_parts(answer, today))


def headline_parts(answer: Answer, today: date) -> tuple[Part, ...]:
    """The headline in pieces, so that each surface can set the totals in its own bold."""
    if not answer.sums:
        return (Part(no_data(answer, today)),)
    who, when = _capital(subject(answer.query)), during(answer.query.period, today)
    if len(answer.sums) > 1:
        each = [part for sums in answer.sums for part in (Part("; "), _total(sums), *_change(sums, answer, today))]
        return (Part(f"{who} {when} ({_metric(answer, today)}): "), *each[1:], Part("."))
    (sums,) = answer.sums
    if sums.total is None:
        return (Part(_nothing(answer, today, f"charges in {clean(sums.currency)}")), *_change(sums, answer, today), Part("."))
    said = (Part(f"{who} {verb(answer.query)} "), _total(sums), Part(f" ({answer.query.metric}) {when}{_counted(sums, answer.query)}"))
    partly = (Part(f", {reach(answer, today)}"),) if is_incomplete(answer) else ()
    return (*said, *partly, *_change(sums, answer, today), Part("."))


def _counted(sums: Sums, query: CostQuery) -> str:
    if sums.count is None or query.count is None:
        return ""
    return f", with {sums.count:,} different {dimension_words(query.count)} value{'' if sums.count == 1 else 's'}"


def no_data(answer: Answer, today: date) -> str:
    """Say that nothing matched, which is not the same as a cost of zero."""
    begin = _nothing(answer, today)
    if not answer.sources:
        return f"{begin}; the ledger is empty: load a bill with `finops-bot ingest`."
    return f"{begin}; the ledger holds data up to {day_name(max(source.last_day for source in answer.sources), today)}."


def subject(query: CostQuery) -> str:
    """Who or what the question is about: `team ml, env prod`."""
    return ", ".join(_filter_words(each) for each in query.scope) or "all charges"


def verb(query: CostQuery) -> str:
    if not query.scope:
        return "came to"
    (first, *more) = query.scope
    return "spent" if not more and first.dimension in SPENDERS and not first.negated and first.values not in ((NONE,), ("*",)) else "cost"


def scope_text(query: CostQuery) -> str:
    """The scope as it is typed: `team=ml env=prod`."""
    return " ".join(f"{clean(f.dimension)}{'!=' if f.negated else '='}{','.join(map(clean, f.values))}" for f in query.scope)


def complete_days(answer: Answer) -> int | None:
    """Days of the asked period that are complete, None when that is not known."""
    if answer.complete_until is None:
        return None
    period = answer.query.period
    return max(0, (min(answer.complete_until, period.end) - period.start).days)


def is_incomplete(answer: Answer) -> bool:
    days = complete_days(answer)
    return days is not None and days < answer.query.period.days


def reach(answer: Answer, today: date) -> str:
    """Say how much of an incomplete period can be relied on."""
    if answer.complete_until is None or not complete_days(answer):
        return "not complete yet"
    return f"complete only through {day_name(answer.complete_until - DAY, today)}"


def moved(answer: Answer) -> tuple[str, ...]:
    """What moved in each currency; nothing where only incomplete days, or days before the first bill, could be compared."""
    if is_incomplete(answer) and not complete_days(answer):
        return ()
    return tuple(line for sums in answer.sums if sums.previous is not None for line in movers(sums, answer.movers_by))


def movers(sums: Sums, by: Sequence[str], most: int = 3) -> tuple[str, ...]:
    """What changed most, one line a group: `▲ claude-opus-4-5 +$800.00 (+40 %)`."""
    shown = {row.key: row for row in sums.rows}
    return tuple(_mover(row, shown.get(row.key, row), by, sums.currency) for row in [row for row in sums.movers if row.change][:most])


def before(row: Row, sums: Sums) -> Decimal | None:
    """What a group cost before, None where nothing at all is on record for then."""
    return row.previous if sums.previous is not None else None


def used(answer: Answer) -> tuple[str, ...]:
    """What was used and what a unit cost, a line for each currency with requests or tokens in it."""
    return tuple(line for sums in answer.sums if (line := _used(sums)))


def _used(sums: Sums) -> str:
    if sums.units is None or not (sums.units.requests or sums.units.tokens):
        return ""
    units, each, currency = sums.units, unit_costs(sums.total, sums.units), clean(sums.currency)
    pieces = [f"{units.requests:,} request{'' if units.requests == 1 else 's'}"] if units.requests is not None else []
    pieces += [f"{units.tokens:,} tokens"] if units.tokens else []
    pieces += [f"{show_each(each.per_1k_requests, currency)} per 1k requests"] if each.per_1k_requests is not None else []
    pieces += [f"{show_each(each.per_1k_tokens, currency)} per 1k tokens"] if each.per_1k_tokens is not None else []
    pieces += [f"{each.tokens_per_request:,.0f} tokens per request"] if each.tokens_per_request is not None else []
    pieces += [f"{percent(each.cache_hit_ratio)} of input from cache"] if units.cache_read_tokens else []
    return " · ".join(pieces)


def estimated(answer: Answer) -> tuple[str, ...]:
    """Say how much stands in for bills that have not come yet."""
    return tuple(
        f"{show(sums.estimated, clean(sums.currency))} of it is estimated from usage, where no bill covers the day yet"
        for sums in answer.sums
        if sums.estimated
    )


def freshness(answer: Answer, today: date | None = None) -> str:
    """How far the data reaches; a day's year is named only where it is not the year of `today`, or of the asked period."""
    now = today or answer.query.period.end
    known = known_to(answer.as_of, answer.complete_until, now)
    return known if answer.as_of is None else " · ".join([known, *_sources(answer, now)])


def known_to(as_of: datetime | None, complete_until: date | None, today: date) -> str:
    """Say when the data came, and up to which day they are complete."""
    if as_of is None:
        return "No bill has been loaded yet"
    fresh = f"Data as of {day_name(as_of.date(), today)} {as_of:%H:%M} UTC"
    return f"{fresh} · complete through {day_name(complete_until - DAY, today)}" if complete_until else fresh


def notes(answer: Answer) -> tuple[str, ...]:
    """What the reader must know to trust the figures, and which groups the rows leave out."""
    left_out = (
        f"{others(sums.rest_groups)} sum to {show(sums.rest.cost, sums.currency)}"
        for sums in answer.sums
        if sums.rest is not None and sums.rest.cost is not None
    )
    return (*filter(None, map(clean, answer.notes)), *estimated(answer), *left_out)


def _nothing(answer: Answer, today: date, kind: str = "charges") -> str:
    which = f"match {scope_text(answer.query)}" if answer.query.scope else "are on record"
    return f"No {kind} {which} {during(answer.query.period, today)}"


def _capital(words: str) -> str:
    """Begin with a capital unless a dimension's name comes first."""
    return f"{words[0].upper()}{words[1:]}" if words.startswith(("all ", "charges ")) else words


def _metric(answer: Answer, today: date) -> str:
    return f"{answer.query.metric}, {reach(answer, today)}" if is_incomplete(answer) else answer.query.metric


def _total(sums: Sums) -> Part:
    currency = clean(sums.currency)
    return Part(f"nothing on record in {currency}") if sums.total is None else Part(show(sums.total, currency), strong=True)


def _change(sums: Sums, answer: Answer, today: date) -> Iterator[Part]:
    """Compare like with like: an incomplete period only over its complete days, and not at all where it has none."""
    compare, currency = answer.query.compare, clean(sums.currency)
    if sums.like_for_like is not None:
        same = sums.like_for_like
        yield Part(f" – over the {_days(same.days)} {_moved(same.total - same.previous, same.previous, currency)}")
    elif compare is not None and not is_incomplete(answer):
        yield Part(f", {_compared(sums, answer.query.period, compare, currency, today)}")


def _compared(sums: Sums, period: Period, compare: Period, currency: str, today: date) -> str:
    before = against(period, compare, today)
    if sums.previous is None:
        return f"with nothing on record in {before} to compare with"
    if sums.total is None:
        return f"after {show(sums.previous, currency)} in {before}"
    difference = sums.total - sums.previous
    if not difference:
        return f"unchanged on {before}"
    return f"{_moved(difference, sums.previous, currency, up='up ', down='down ')} on {before}"


def _moved(difference: Decimal, previous: Decimal, currency: str, up: str = "+", down: str = "−") -> str:
    if not difference:
        return "unchanged"
    share = f" ({percent(float(difference / abs(previous)), signed=True)})" if previous else ""
    return f"{up if difference > 0 else down}{show(abs(difference), currency)}{share}"


def _days(days: int) -> str:
    return "one complete day" if days == 1 else f"{days} complete days"


def _mover(row: Row, whole: Row, by: Sequence[str], currency: str) -> str:
    arrow = "▲" if row.change > 0 else "▼"
    return f"{arrow} {label(row.key, by)} {signed(row.change, clean(currency))}{_how(row, whole)}"


def _how(row: Row, whole: Row) -> str:
    """Movers are over the complete days; a group is new or gone only if it is so over the `whole` periods too."""
    if row.cost is None:
        return " (gone)" if whole.cost is None else ""
    if not row.previous:
        return "" if whole.previous else " (new)"
    return f" ({percent(float(row.change / abs(row.previous)), signed=True)})"


def _sources(answer: Answer, today: date) -> list[str]:
    """Name the bills by how far they reach, the shortest first: that is the one to wait for."""
    by_day: dict[date, list[str]] = {}
    for source in sorted(answer.sources, key=lambda one: (one.last_day, one.source)):
        by_day.setdefault(source.last_day, []).append(clean(source.source))
    return [_reach_of(names, day_name(day, today)) for day, names in list(by_day.items())[:2]]


def _reach_of(names: Sequence[str], day: str) -> str:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"{'bill' if len(names) == 1 else 'bills'} of {shown} to {day}"


def _filter_words(each: Filter) -> str:
    name = dimension_words(each.dimension)
    if each.values in ((NONE,), ("*",)):
        return f"charges {'with' if (each.values == ('*',)) != each.negated else 'without'} a {name}"
    values = " or ".join("none" if value == NONE else clean(value) for value in each.values)
    return f"all but {name} {values}" if each.negated else f"{name} {values}"
