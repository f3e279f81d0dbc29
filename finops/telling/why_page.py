"""A change explained as people see it: a sentence, what is compared, what is not known, a picture and two tables."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from finops.answers import Answer
from finops.insight.drivers_told import EFFECTS, Driver, Why
from finops.insight.explained import Delivered, Explained, Restated, Unusual, telling
from finops.language.query_json import to_json
from finops.money import percent, show, signed
from finops.periods import DAY, Period, month_of
from finops.telling.answer_json import amount, moment
from finops.telling.day_words import calendar_name, day_name, during, span
from finops.telling.drawings import Bridge
from finops.telling.grids import UNKNOWN, Cell, Grid, change_cell, money_cell, name_cell, share_cell
from finops.telling.names import clean, cut, dimension_words, others
from finops.telling.sentences import freshness, scope_text
from finops.telling.why_words import NAMES, driver_words, explained, reason, why_document

DRIVERS: Final = ("what moved", "before", "after", "change", "share")
EFFECT_HEAD: Final = ("effect", "change", "share")
LONGEST: Final = 60
MOST_DELIVERIES: Final = 6
MOST_RESTATED: Final = 3
DUST: Final = Decimal("0.0001")  # of the largest effect: less is what rounding leaves
WORTH: Final = 0.01  # of the change: what nobody knows is told from here on
ONLY_BILLS: Final = "No requests were measured of these charges, so bills tell price and volume only."


def title(found: Explained, today: date) -> str:
    return f"Why: {_subject(found) or 'all charges'}, {span(found.query.period, today)}"


def lines(found: Explained, today: date) -> tuple[str, ...]:
    """One plain sentence first, then what it compares, what one must know to trust it, and what it rests on."""
    if not found.whys:
        return (nothing(found, today), *([fresh(found, today)] if found.sources else []))
    said = [plain(found, why, today) for why in found.whys]
    return (*said, _compared(found, today), *_alike(found), *notes(found, today), fresh(found, today), *_from(found.deliveries, today))


def plain(found: Explained, why: Why, today: date) -> str:
    """Return the one sentence: of a change, or of what an anomaly cost beyond the expected."""
    return _beyond(found, found.unusual, why, today) if found.unusual else explained(why, _subject(found))


def nothing(found: Explained, today: date) -> str:
    """Say why there is nothing to explain."""
    asked, first, compare = found.asked.period, found.first_day, found.asked.compare
    if first is None:
        return f"Nothing is on record {during(asked, today)}, so no change can be explained."
    if compare and compare.end <= first:
        return (
            f"Nothing is on record of {span(compare, today)}, since the ledger begins on {day_name(first, today)}: nothing to compare with."
        )
    if found.complete_until and found.query.period.start >= found.complete_until:
        through = day_name(found.complete_until - DAY, today)
        return f"No day of {span(asked, today)} is complete yet: bills reach {through}, and half a day would look like a fall."
    which = f"match {scope_text(found.asked)}" if found.asked.scope else "are on record"
    return f"No charges {which} {during(asked, today)} or before it, so nothing changed."


def notes(found: Explained, today: date) -> tuple[str, ...]:
    """Say what is not alike, estimated, restated or unknown."""
    return (
        *_other_days(found, today),
        *_longer(found, today),
        *_converted(found),
        *_estimates(found),
        *_restated(found, today),
        *_unknown(found),
    )


def fresh(found: Explained, today: date) -> str:
    return freshness(Answer("", found.query, (), (), found.as_of, found.complete_until, found.sources, ()), today)


def bridge(found: Explained, today: date) -> Bridge | None:
    """Draw the largest change from what it was to what it is; nothing where nothing moved."""
    if not found.whys or not found.whys[0].drivers:
        return None
    why = found.whys[0]
    parts = [(_values(driver), float(driver.excess)) for driver in _largest_first(why)]
    parts += [("all else", float(why.other))] if why.other else []
    share = f" ({percent(float(why.change / abs(why.before)), signed=True)})" if why.before else ""
    return Bridge(
        title=f"{_subject(found) or 'All charges'}: {signed(why.change, clean(why.currency))}{share}",
        subtitle=_compared(found, today),
        footer=fresh(found, today),
        currency=clean(why.currency),
        before=(_before_name(found, today), float(why.before)),
        after=(span(found.query.period, today), float(why.after)),
        parts=tuple(parts),
        alt_text=plain(found, why, today),
    )


def drivers_grid(found: Explained) -> Grid | None:
    rows = [row for why in found.whys for row in _driver_rows(why)]
    before = "expected" if found.unusual else "before"
    return Grid("What moved", (DRIVERS[0], before, *DRIVERS[2:]), tuple(rows)) if rows else None


def effects_grid(found: Explained) -> Grid | None:
    rows = [row for why in found.whys for row in _effect_rows(why)]
    return Grid("By which effect", EFFECT_HEAD, tuple(rows)) if rows else None


def document(found: Explained, today: date) -> dict[str, object]:
    """Return it as JSON values; several currencies are listed apart, since their sum would mean nothing."""
    each = [why_document(why, found.query) | {"sentence": plain(found, why, today)} for why in found.whys]
    only = each[0] if len(each) == 1 else _without_one(found, today)
    return {
        **only,
        "by_currency": each if len(each) > 1 else None,
        "query": to_json(found.asked),
        "anomaly": found.unusual.id if found.unusual else None,
        "as_of": moment(found.as_of) if found.as_of else None,
        "complete_through": (found.complete_until - DAY).isoformat() if found.complete_until else None,
        "loads": [
            {"source": one.source, "period": one.month, "delivered_at": moment(one.delivered_at), "rows": one.rows}
            for one in found.deliveries
        ],
        "alike": dict(found.alike),
        "restated": [_restated_document(one) for one in found.restated],
        "notes": list(notes(found, today)),
    }


def _without_one(found: Explained, today: date) -> dict[str, object]:
    said = " ".join(plain(found, why, today) for why in found.whys) or nothing(found, today)
    absent = dict.fromkeys(("from", "to", "change", "currency", "other"))
    return {**absent, "drivers": [], "effects": dict.fromkeys(EFFECTS), "sentence": said}


def _subject(found: Explained) -> str:
    if not found.unusual:
        return scope_text(found.asked)
    return " ".join(f"{clean(each.dimension)}={','.join(map(clean, each.values))}" for each in found.asked.scope if not each.negated)


def _beyond(found: Explained, unusual: Unusual, why: Why, today: date) -> str:
    """`team=ml cost $1,240.00 more than expected on 14 Nov (+38 %): …`."""
    who, currency = _subject(found) or "Everything", clean(why.currency)
    when = during(Period(unusual.start, unusual.end), today)
    if not why.change:
        return f"{who} cost as expected {when}: {show(why.after, currency)}."
    more = "more" if why.change > 0 else "less"
    share = f" ({percent(float(why.change / abs(why.before)), signed=True)})" if why.before else ""
    return f"{who} cost {show(abs(why.change), currency)} {more} than expected {when}{share}{reason(why)}."


def _compared(found: Explained, today: date) -> str:
    query, days = found.query, found.query.period.days
    if found.unusual:
        usual = (found.query.compare or found.query.period).days
        whole = ", over whole days" if found.unusual.by_hours else ""
        return f"{span(query.period, today)} beside what was expected, in the shares of the {usual} days before{whole}."
    many = "one day each" if days == 1 else f"{days} days each"
    unlike = query.compare is not None and query.compare.days != days
    return f"{span(query.period, today)} beside {span(query.compare or query.period, today)}{'' if unlike else f', {many}'}."


def _largest_first(why: Why) -> list[Driver]:
    return sorted(why.drivers, key=lambda driver: -abs(driver.excess))


def _values(driver: Driver) -> str:
    """Name a slice by its values alone, where room is short."""
    values = [f"no {dimension_words(name)}" if value is None else clean(value) for name, value in driver.key]
    if driver.made_of and len(values) == 1:
        values = [", ".join(map(clean, driver.made_of[1]))]
    return f"{'rest of ' if driver.rest and values else ''}{' · '.join(values)}" or ("all the rest" if driver.rest else "everything alike")


def _before_name(found: Explained, today: date) -> str:
    return "expected" if found.unusual else span(found.query.compare or found.query.period, today)


def _other_days(found: Explained, today: date) -> Iterator[str]:
    """Say where other days are compared than were asked for, since only these are alike."""
    asked, query, first = found.asked.period, found.query.period, found.first_day
    if first and query.start > asked.start:
        yield f"The ledger begins on {day_name(first, today)}, so the first {_days((query.start - asked.start).days)} of both are left out."
    if query.start < asked.start:
        latest = "day is" if query.days == 1 else "days are"
        yield f"No day of {span(asked, today)} is complete yet, so the latest complete {latest} compared."
    elif query.end < asked.end:
        left = (asked.end - query.end).days
        last = "the last day is" if left == 1 else f"the last {left} days are"
        compare = found.asked.compare
        if compare and found.complete_until and asked.end <= found.complete_until:
            yield f"{_days(asked.days)} would be compared with {compare.days}: {last} left out, to compare like with like."
        else:
            through = day_name(query.end - DAY, today)
            yield f"Complete only through {through}: of both periods {last} left out, to compare like with like."


def _alike(found: Explained) -> Iterator[str]:
    """Where no value stands out, the values all of it has say what it is."""
    known = {each.dimension for each in found.asked.scope}
    named = [(name, value) for name, value in found.alike if value is not None and name not in known]
    if named and any(not driver.key for why in found.whys for driver in why.drivers):
        yield f"All of it is {', '.join(f'{clean(name)}={clean(value)}' for name, value in named)}."


def _longer(found: Explained, today: date) -> Iterator[str]:
    query, compare = found.query, found.query.compare
    if compare is None or found.unusual or compare.days == query.period.days:
        return
    more = query.period.days - compare.days
    for why in found.whys:
        money = signed(why.before / compare.days * more, clean(why.currency))
        days = f"{_days(query.period.days)} are compared with {compare.days}"
        yield f"{days}: at the cost of {span(compare, today)} that alone is about {money}."


def _converted(found: Explained) -> Iterator[str]:
    if found.converted and found.whys:
        yield f"Converted to {clean(found.whys[0].currency)} from {', '.join(found.converted)} at the rates in budgets.yaml."


def _estimates(found: Explained) -> Iterator[str]:
    days, before = found.query.period.days, (found.query.compare or found.query.period).days
    for one in found.estimated:
        many = f"{one.after} of {_days(days)} and {one.before} of the {before} compared with"
        yield f"{clean(one.provider)}: {many} are estimated from usage, since no bill covers them; the others are billed."


def _restated(found: Explained, today: date) -> Iterator[str]:
    for why in found.whys:
        for one in telling(found.restated, why)[:MOST_RESTATED]:
            month = calendar_name(month_of(date.fromisoformat(f"{one.month}-01")), today)
            whole = " (of the whole bill)" if one.whole_bill else ""
            moved = f"{signed(one.change, clean(one.currency))} of the change{whole}"
            yield f"The bill of {clean(one.source)} for {month} was restated on {day_name(one.delivered_at.date(), today)}: {moved}."


def _unknown(found: Explained) -> Iterator[str]:
    if not found.counted:
        yield ONLY_BILLS
    for why in found.whys:
        unknown = why.effects.amounts["other"]
        if abs(unknown) > WORTH * float(abs(why.change)):
            yield f"Of {signed(unknown, clean(why.currency))} nobody knows how much was used, so neither price nor volume can be told."


def _from(deliveries: Sequence[Delivered], today: date) -> Iterator[str]:
    shown = [
        f"{clean(one.source)} {one.month} ({one.rows:,} rows, {day_name(one.delivered_at.date(), today)})"
        for one in deliveries[:MOST_DELIVERIES]
    ]
    more = len(deliveries) - len(shown)
    if shown:
        yield f"From the deliveries {', '.join(shown)}{f' and {others(more)}' if more else ''}."


def _driver_rows(why: Why) -> Iterator[tuple[Cell, ...]]:
    currency = clean(why.currency)
    for driver in _largest_first(why):
        before, after = money_cell(driver.before, currency), money_cell(driver.after, currency)
        yield Cell(cut(driver_words(driver), LONGEST)), before, after, change_cell(driver.excess, currency), share_cell(driver.share)
    if why.drivers and why.other:
        share = share_cell(float(why.other / why.change) if why.change else None)
        yield name_cell("all else"), Cell(UNKNOWN), Cell(UNKNOWN), change_cell(why.other, currency), share


def _effect_rows(why: Why) -> Iterator[tuple[Cell, ...]]:
    least = DUST * max(map(abs, why.effects.amounts.values()))
    for name in EFFECTS:
        if abs(money := why.effects.amounts[name]) > least:
            share = share_cell(float(money / why.change) if why.change else None)
            yield name_cell(NAMES[name]), change_cell(money, clean(why.currency)), share


def _restated_document(one: Restated) -> dict[str, object]:
    return {
        "source": one.source,
        "period": one.month,
        "delivered_at": moment(one.delivered_at),
        "currency": one.currency,
        "before": amount(one.before),
        "after": amount(one.after),
        "change": amount(one.change),
        "whole_bill": one.whole_bill,
    }


def _days(count: int) -> str:
    return "one day" if count == 1 else f"{count} days"
