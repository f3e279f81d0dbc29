"""Which scope lies in which, by its own pairs and by what a bill shows of them."""

from collections.abc import Mapping
from typing import Final

from finops.insight.panel import Key
from finops.query import NONE

Pair = tuple[str, str]
Within = Mapping[Key, tuple[Key, ...]]
# What a scope is a thing of, the most specific dimension first, and what is place enough for two of them to have one cause.
PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "resource": ("team", "service"),
    "model": ("team", "service"),
    "feature": ("team", "service"),
    "service": ("team", "provider"),
}


class Nesting:
    """Answers for a scope what it lies in; each scope is worked out once."""

    def __init__(self, within: Within | None = None) -> None:
        self._within = within or {}
        self._wide: dict[Key, frozenset[Pair]] = {}
        self._named: dict[Key, dict[str, str]] = {}

    def wide(self, key: Key) -> frozenset[Pair]:
        """Return the pairs of a key with those of every scope it, or one of its pairs, is known to lie in."""
        if key not in self._wide:
            self._named[key] = self._walked(key)
            self._wide[key] = frozenset(self._named[key].items())
        return self._wide[key]

    def apart(self, one: Key, other: Key) -> bool:
        """Say whether no charge can be in both: they, or what they lie in, differ in a dimension they share."""
        mine, known = self.wide(one), self._known(other)
        return any(known.get(dimension, value) != value for dimension, value in mine)

    def places(self, key: Key) -> frozenset[Pair]:
        """Return where a scope is, as far as being there together says anything: what nobody owns is no place."""
        kind = kind_of(key)
        names = PLACES.get(kind) if kind else None
        wide = ((name, value) for name, value in self.wide(key) if value != NONE)
        return frozenset((name, value) for name, value in wide if names is None or name in names)

    def beside(self, one: Key, other: Key) -> bool:
        """Say whether two share a place and are not of two teams."""
        teams = {self._known(key).get("team", NONE) for key in (one, other)} - {NONE}
        return len(teams) < 2 and bool(self.places(one) & self.places(other))

    def _known(self, key: Key) -> Mapping[str, str]:
        self.wide(key)
        return self._named[key]

    def _walked(self, key: Key) -> dict[str, str]:
        """A key's own word stands against what most of one of its pairs lies in."""
        named, waiting = dict(key), [key, *((pair,) for pair in key)]
        while waiting:
            for wider in self._within.get(waiting.pop(0), ()):
                fresh = [(name, value) for name, value in wider if name not in named]
                named.update(fresh)
                waiting += [wider, *((pair,) for pair in wider)] if fresh else []
        return named


def kind_of(key: Key) -> str | None:
    """Return the most specific thing a scope names; None for a team or a provider."""
    return next((kind for kind in PLACES if any(name == kind for name, _ in key)), None)
