"""What several sections share: scopes, entries that may stand only once, and the exchange rates."""

import shlex
from collections.abc import Hashable, Iterator
from typing import Final, TypeVar

from finops.charges import DIMENSIONS
from finops.configuration.fields import as_currency, as_day, as_rate, as_texts, entries, fields, items, nearest, read
from finops.configuration.problems import Problems, shown
from finops.rates import Rate
from finops.yamlfile import Node

T = TypeVar("T")
Scope = tuple[tuple[str, tuple[str, ...]], ...]

RATE_FIELDS: Final = ("from", "to", "on", "rate")


class Once:
    """Notes whatever comes a second time, with the line of the first."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._first: dict[Hashable, Node] = {}

    def add(self, key: Hashable, node: Node, what: str) -> None:
        first = self._first.setdefault(key, node)
        if first is not node:
            self._problems.note(node.file, node.line, f"{what} is given twice, first on line {first.line}; keep one of them")


def scope_of(section: Node | None, problems: Problems) -> Scope:
    """Read `{team: ml}`, or the same in the words of a question, `team=ml`; all of it must hold, and nothing means everything."""
    if section is not None and isinstance(section.value, str):
        return _scope_in_words(section, problems)
    scope = []
    for entry in entries(section, problems, "scope"):
        values = read(entry.value, as_texts, f"'{entry.name}'", problems)
        if is_dimension(entry.name, entry.key, problems) and values:
            scope.append((entry.name, values))
    return tuple(sorted(scope))


def _scope_in_words(node: Node, problems: Problems) -> Scope:
    scope: dict[str, tuple[str, ...]] = {}
    for word in _split(node.text):
        name, equals, values = word.partition("=")
        if not equals or not all(values.split(",")) or name.endswith("!"):
            problems.note(node.file, node.line, f"a scope is written 'team=ml env=prod,staging', not {shown(word)}")
        elif name in scope:
            problems.note(node.file, node.line, f"'{name}' stands twice in the scope; write its values together, as '{name}=a,b'")
        elif is_dimension(name, node, problems):
            scope[name] = tuple(dict.fromkeys(values.split(",")))
    return tuple(sorted(scope.items()))


def scope_words(scope: Scope) -> str:
    """Write a scope in the words it can be read from."""
    return " ".join(shlex.quote(f"{name}={','.join(values)}") for name, values in scope)


def _split(words: str) -> list[str]:
    try:
        return shlex.split(words)
    except ValueError:  # a quote that nothing closes
        return [words]


def is_dimension(name: str, node: Node, problems: Problems) -> bool:
    """Say whether `name` can stand in a scope, and note where it cannot."""
    known = name in DIMENSIONS or (name.startswith("tag:") and name != "tag:")
    if not known:
        hint = nearest(name, DIMENSIONS) or "; docs/configuration.md lists those there are"
        problems.note(node.file, node.line, f"{shown(name)} is not a dimension{hint}")
    return known


def rates_of(section: Node | None, problems: Problems) -> tuple[Rate, ...]:
    once = Once(problems)
    return found(_rate(item, once, problems) for item in items(section, problems, "fx"))


def _rate(node: Node, once: Once, problems: Problems) -> Rate | None:
    row = fields(node, RATE_FIELDS, problems, "an exchange rate")
    if row is None:
        return None
    base, quote = row.need("from", as_currency), row.need("to", as_currency)
    on, rate = row.need("on", as_day), row.need("rate", as_rate)
    if base is None or quote is None or on is None or rate is None:
        return None
    if base == quote:
        row.wrong(f"a rate from {base} to {base} says nothing; name two currencies")
        return None
    once.add((base, quote, on), node, f"the rate from {base} to {quote} on {on}")
    return Rate(base, quote, on, rate)


def found(read: Iterator[T | None]) -> tuple[T, ...]:
    """Return what could be read."""
    return tuple(each for each in read if each is not None)
