"""Tokens that the provider counts and we did not, or the other way round: missing requests, or requests counted in another way."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final

from finops.insight.reconcile_lines import CACHES, Cell
from finops.insight.reconcile_parts import ALIKE, CACHE, EXTRA, INPUTS, MISSING, OUTPUTS, Part
from finops.money import percent

ZERO: Final = Fraction(0)
Counts = Mapping[str, Fraction]  # kind → tokens more than measured


def quantities(by_kind: Mapping[str, Cell]) -> Iterator[Part]:
    """What the difference in tokens comes to at our prices."""
    surplus = {kind: cell.counted - cell.measured for kind, cell in by_kind.items()}
    moved = _moved(surplus)
    if any(moved.values()):
        yield Part(CACHE, _worth(by_kind, moved), _cache_words(by_kind))
    left = {kind: count - moved.get(kind, ZERO) for kind, count in surplus.items()}
    for name, kinds in _named(by_kind, left):
        yield Part(name, _worth(by_kind, {kind: left[kind] for kind in kinds}), _words(name, by_kind, kinds))


def _moved(surplus: Counts) -> Counts:
    """Input that the provider counts as another kind of input than we did: as many tokens come as go."""
    of_input = {kind: count for kind, count in surplus.items() if kind == "input" or kind in CACHES}
    more = sum((count for count in of_input.values() if count > 0), ZERO)
    fewer = -sum((count for count in of_input.values() if count < 0), ZERO)
    matched = min(more, fewer)
    return {kind: count * matched / (more if count > 0 else fewer) for kind, count in of_input.items() if count and matched}


def _named(by_kind: Mapping[str, Cell], left: Counts) -> list[tuple[str, list[str]]]:
    """A request that is missing is missing with all its kinds of tokens; where only input or output is off, it is counted otherwise."""
    off = {kind for kind, count in left.items() if abs(count) > ALIKE * by_kind[kind].measured}
    same = sorted(left.keys() - off)
    if off and "output" in same and by_kind["output"].measured:
        cached = any(by_kind[kind].measured or by_kind[kind].counted for kind in by_kind if kind in CACHES)
        return [(CACHE if cached else INPUTS, sorted(off)), (_events(by_kind, left, same), same)]
    if off == {"output"} and any(by_kind[kind].measured for kind in same):
        return [(OUTPUTS, ["output"]), (_events(by_kind, left, same), same)]
    return [(_events(by_kind, left, sorted(left)), sorted(left))]


def _events(by_kind: Mapping[str, Cell], left: Counts, kinds: Sequence[str]) -> str:
    return MISSING if _worth(by_kind, {kind: left[kind] for kind in kinds}) >= 0 else EXTRA


def _worth(by_kind: Mapping[str, Cell], tokens: Counts) -> Fraction:
    return sum((by_kind[kind].rate * count for kind, count in tokens.items()), ZERO)


def _words(name: str, by_kind: Mapping[str, Cell], kinds: Sequence[str]) -> str:
    if name == CACHE:
        return _cache_words({kind: by_kind[kind] for kind in kinds})
    what = {OUTPUTS: "output tokens", INPUTS: "input tokens"}.get(name, "tokens")
    measured = sum((by_kind[kind].measured for kind in kinds), ZERO)
    counted = sum((by_kind[kind].counted for kind in kinds), ZERO)
    share = percent(float(abs(counted - measured) / max(counted, measured))) if counted or measured else "0 %"
    if counted >= measured:
        return f"{share} of the {what} that the provider counts were not measured"
    return f"{share} of the measured {what} are not among those that the provider counts"


def _cache_words(by_kind: Mapping[str, Cell]) -> str:
    kind = max(by_kind, key=lambda each: (each in CACHES, abs(by_kind[each].counted - by_kind[each].measured)))
    what = {"cache_read": "read from the cache", "input": "of input that is not cached"}.get(kind, "written to the cache")
    return f"the provider counts {int(by_kind[kind].counted):,} tokens {what}, measured were {int(by_kind[kind].measured):,}"
