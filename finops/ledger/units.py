"""What was used beside what it cost: requests and tokens of the groups of one answer."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from sqlalchemy import FromClause

from finops.answering import UnitPair
from finops.answers import Key, Units
from finops.ledger import unit_statements as statements
from finops.ledger.catalog import LiveFile
from finops.ledger.facts import DuckFacts, Facts, Reading
from finops.ledger.statements import Asked
from finops.periods import Period


@dataclass(frozen=True)
class Used:
    """Units by (currency, group), None for all groups together, and what is to be said about them."""

    units: dict[tuple[str, Key | None], UnitPair] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def charges_for(asked: Asked, by: Sequence[str], reading: Reading) -> FromClause:
    """The relation to ask: a request is one row with all kinds of tokens, unless the question tells them apart."""
    return statements.by_token_type(asked.query.metric, reading.charges) if _apart(asked, by) else reading.charges


def _apart(asked: Asked, by: Sequence[str]) -> bool:
    return "token_type" in {*by, asked.query.count, *(each.dimension for each in asked.query.scope)}


def used(facts: Facts, asked: Asked, by: Sequence[str], keys: Sequence[Key], files: Sequence[LiveFile], *, people: bool) -> Used:
    """Return what was used, from the usage among `files`; bills alone tell the tokens their provider counted.

    `people` counts users and sessions too, and what was used in the period compared with.
    """
    usage = [file.path for file in files if file.kind == "usage"]
    if usage:
        return _measured(facts, asked, by, set(keys), usage, people=people)
    return _counted_by_bills(facts, asked, by, set(keys), [file.path for file in files]) if files else Used()


def _measured(facts: Facts, asked: Asked, by: Sequence[str], keys: set[Key], paths: Sequence[str], *, people: bool) -> Used:
    with facts.reading(paths) as reading:

        def read(period: Period, by: Sequence[str]) -> dict[_Place, Units]:
            charges, apart = charges_for(asked, by, reading), _apart(asked, by)
            rows = reading.run(statements.unit_sums(asked, period, by, charges, people=people, apart=apart))
            return {_place(row, len(by)): units_of(*row[1 + len(by) :]) for row in rows}

        found = _pairs(asked, by, keys, read, people=people or _apart(asked, by))
        unpriced = any(pair[0] and pair[0].unpriced for pair in found.values())
        return Used(found, _unpriced_notes(reading.run(statements.unpriced_models(asked, reading.charges))) if unpriced else [])


def _counted_by_bills(facts: Facts, asked: Asked, by: Sequence[str], keys: set[Key], paths: Sequence[str]) -> Used:
    """Only bills that tell kinds of tokens apart are asked; the files' own statistics say which do."""
    with facts.reading(paths) as reading:
        if not isinstance(facts, DuckFacts) or reading.empty(["x_TokenType"]):
            return Used()

        def read(period: Period, by: Sequence[str]) -> dict[_Place, Units]:
            providers: dict[_Place, list[tuple[Any, ...]]] = defaultdict(list)
            for row in reading.run(statements.bill_units(asked, period, by, reading.charges)):
                providers[_place(row, len(by))].append(row[2 + len(by) :])
            return {place: units for place, figures in providers.items() if (units := _of_bills(figures))}

        return Used(_pairs(asked, by, keys, read, people=True))


def _of_bills(providers: Sequence[tuple[Any, ...]]) -> Units | None:
    """Requests are known only where all who bill anything count them: else others' costs were spread over them."""
    counted = [requests for cost, requests, _, _ in providers if cost or requests is not None]
    tokens, output = (sum(int(figures[n] or 0) for figures in providers) for n in (2, 3))
    requests = int(sum(counted)) if counted and None not in counted else None
    return Units(requests, tokens - output, output) if tokens or requests else None


_Place = tuple[str, Key | None]


def _place(row: tuple[Any, ...], width: int) -> _Place:
    return row[0], tuple(row[1 : 1 + width]) if width else None


_Read = Callable[[Period, Sequence[str]], dict[_Place, Units]]


def _pairs(asked: Asked, by: Sequence[str], keys: set[Key], read: _Read, *, people: bool) -> dict[_Place, UnitPair]:
    """Units of all together and of the groups that are shown; periods by themselves, since they may overlap."""
    query, by = asked.query, by if keys else ()
    now = _read_one(query.period, by, read, people=people)
    then = _read_one(query.compare, by, read, people=people) if query.compare and people else {}
    return {place: (now.get(place), then.get(place)) for place in {*now, *then} if place[1] is None or place[1] in keys}


def _read_one(period: Period, by: Sequence[str], read: _Read, *, people: bool) -> dict[_Place, Units]:
    """All together is the sum of the groups, which saves a pass over the files, except of people: they may be in several."""
    if not by:
        return read(period, ())
    groups = read(period, by)
    return groups | (read(period, ()) if people else _together(groups))


def _together(groups: Mapping[_Place, Units]) -> dict[_Place, Units]:
    found: dict[_Place, Units] = {}
    for (currency, _), units in groups.items():
        before = found.get((currency, None))
        found[currency, None] = units if before is None else _added(before, units)
    return found


def _added(one: Units, other: Units) -> Units:
    pairs = {each.name: (getattr(one, each.name), getattr(other, each.name)) for each in fields(Units)}
    return Units(**{name: _sum_of(pair) for name, pair in pairs.items()})


def _sum_of(pair: Sequence[Any]) -> Any:
    known = [value for value in pair if value is not None]
    return sum(known[1:], known[0]) if known else None


def units_of(
    requests: Any,
    inputs: Any,
    outputs: Any,
    cache_read: Any,
    written_5m: Any,
    written_1h: Any,
    reasoning: Any,
    input_cost: Decimal | None,
    read_cost: Decimal | None,
    write_cost: Decimal | None,
    output_cost: Decimal | None,
    unpriced: Any,
    users: Any,
    sessions: Any,
) -> Units:
    of_input = [cost for cost in (input_cost, read_cost, write_cost) if cost is not None]
    return Units(
        requests=int(requests or 0),
        input_tokens=int(inputs or 0),
        output_tokens=int(outputs or 0),
        cache_read_tokens=int(cache_read or 0),
        cache_write_tokens=int(written_5m or 0) + int(written_1h or 0),
        reasoning_tokens=int(reasoning or 0),
        input_cost=sum(of_input, Decimal(0)) if of_input else None,
        output_cost=output_cost,
        unpriced=int(unpriced or 0),
        users=users,
        sessions=sessions,
    )


def _unpriced_notes(models: Sequence[tuple[Any, ...]]) -> list[str]:
    named = ", ".join(f"{requests:,} of {model or 'an unnamed model'}" for model, requests in models)
    return [f"Requests without a price are not counted, not 0: {named}; add these models to prices in budgets.yaml."] if named else []
