"""What an LLM provider's reports say of a day, and how counted tokens find the money they were billed for."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Final

TOKENS: Final = "Tokens"
REQUESTS: Final = "Requests"
NOTHING: Final = Decimal(0)
HOLE: Final = 10  # a day without money is a hole when it has at least this part of the usual tokens: a tenth
STRANGE, ABSURD = Decimal(5), Decimal(50)  # times the list price: worth a word, no price at all

ListCost = Callable[[str, str, Decimal, date], Decimal | None]  # model, token type, tokens, day → US dollars, or not known


@dataclass(frozen=True)
class Traits:
    """What a price depends on besides the model and the kind of token; None where a report does not say."""

    tier: str | None = None
    window: str | None = None
    region: str | None = None
    modality: str | None = None

    def fit(self, other: "Traits") -> bool:
        return all(mine is None or its is None or mine == its for mine, its in zip(self._all(), other._all(), strict=True))

    def unsaid(self) -> int:
        return sum(trait is None for trait in self._all())

    def _all(self) -> tuple[str | None, ...]:
        return self.tier, self.window, self.region, self.modality


@dataclass(frozen=True)
class Line:
    """One charge of a day; `account` is the workspace or project, `item` the provider's own words for what was sold."""

    day: date
    amount: Decimal
    currency: str
    account: str | None
    item: str
    model: str | None = None
    token_type: str | None = None
    traits: Traits = Traits()
    quantity: Decimal | None = None
    unit: str | None = None
    remark: str | None = None


@dataclass(frozen=True)
class Used:
    """Tokens or requests that a usage report counts; `billable` is false where no money belongs to them."""

    day: date
    account: str | None
    model: str | None
    token_type: str | None
    quantity: int
    traits: Traits = Traits()
    unit: str = TOKENS
    billable: bool = True


def joined(lines: Iterable[Line], used: Iterable[Used], currency: str = "USD") -> list[Line]:
    """Return the lines with the tokens they bill, and what nothing bills as lines without cost.

    Every count goes to one line at most: the lines that say most of themselves choose first. Counts of days that have no
    money yet are left out, because a line of such a day would tell that the day was billed.
    """
    given = list(lines)
    billed_days = {line.day for line in given}
    left = _by_kind(each for each in used if each.day in billed_days and each.quantity)
    done = [_with_tokens(line, left) for line in sorted(given, key=_choosing)]
    rest = [each for some in left.values() for each in some]
    return sorted([*done, *_without_cost(rest, currency)], key=_place)


_Kind = tuple[date, str | None, str | None, str | None, str]


def _by_kind(used: Iterable[Used]) -> dict[_Kind, list[Used]]:
    found: dict[_Kind, list[Used]] = defaultdict(list)
    for each in used:
        found[each.day, each.account, each.model, each.token_type, each.unit].append(each)
    return found


def _with_tokens(line: Line, left: dict[_Kind, list[Used]]) -> Line:
    if line.model is None or line.token_type is None:
        return line
    kind = (line.day, line.account, line.model, line.token_type, TOKENS)
    mine = [each for each in left.get(kind, ()) if line.traits.fit(each.traits)]
    if not mine:
        return line
    left[kind] = [each for each in left[kind] if each not in mine]
    if line.quantity is None:
        line = replace(line, quantity=Decimal(sum(each.quantity for each in mine)), unit=TOKENS)
    return replace(line, traits=_filled(line.traits, [each.traits for each in mine]))


def _filled(traits: Traits, others: Sequence[Traits]) -> Traits:
    """Add what all the counts agree on."""

    def only(name: str) -> str | None:
        said = {getattr(other, name) for other in others}
        found: str | None = said.pop() if len(said) == 1 else None
        return getattr(traits, name) or found

    return Traits(only("tier"), only("window"), only("region"), only("modality"))


def _without_cost(rest: Iterable[Used], currency: str) -> list[Line]:
    summed: dict[tuple[_Kind, Traits], int] = defaultdict(int)
    for each in rest:
        summed[(each.day, each.account, each.model, each.token_type, each.unit), each.traits] += each.quantity
    return [
        Line(
            day=kind[0],
            amount=NOTHING,
            currency=currency,
            account=kind[1],
            item="requests" if kind[4] == REQUESTS else "tokens without cost",
            model=kind[2],
            token_type=kind[3],
            traits=traits,
            quantity=Decimal(count),
            unit=kind[4],
            remark=None if kind[4] == REQUESTS else "unbilled",
        )
        for (kind, traits), count in summed.items()
    ]


def _choosing(line: Line) -> tuple[int, tuple[str, ...]]:
    return line.traits.unsaid(), _place(line)


def _place(line: Line) -> tuple[str, ...]:
    """One order for the same lines, so that an unchanged answer makes an unchanged file."""
    traits = line.traits
    words = (line.account, line.model, line.token_type, traits.tier, traits.window, traits.region, traits.modality, line.unit)
    return (line.day.isoformat(), *(word or "" for word in words), line.item, str(line.amount), str(line.quantity))


def holes(lines: Iterable[Line], used: Iterable[Used]) -> list[date]:
    """Return the days before the last billed one on which much was used and nothing billed: an answer with days missing."""
    tokens: dict[date, int] = defaultdict(int)
    for each in used:
        if each.billable and each.unit == TOKENS:
            tokens[each.day] += each.quantity
    billed = {line.day for line in lines}
    usual = median([tokens[day] for day in billed]) if billed else 0
    return sorted(day for day, count in tokens.items() if billed and day not in billed and day < max(billed) and count * HOLE >= usual > 0)


def times_list_price(lines: Iterable[Line], list_cost: ListCost) -> Decimal | None:
    """Return how many times the list price the billed tokens cost, or None where no price is known or nothing was billed."""
    billed = expected = NOTHING
    for line in lines:
        if line.model and line.token_type and line.quantity and line.amount > 0:
            price = list_cost(line.model, line.token_type, line.quantity, line.day)
            billed, expected = billed + (line.amount if price else 0), expected + (price or 0)
    return billed / expected if billed and expected else None
