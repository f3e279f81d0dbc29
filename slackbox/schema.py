"""The grammar the Block Kit rules are written in: small checks that combine into the shape of a payload."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Check = Callable[[Any, str], Iterator["Problem"]]
Rule = Callable[[dict[str, Any], str], Iterator["Problem"]]


@dataclass(frozen=True)
class Problem:
    """One thing Slack would refuse, with the JSON pointer of the place."""

    message: str
    pointer: str
    constraint: Mapping[str, Any] = field(default_factory=dict)
    code: str = "failed_constraint"

    def __str__(self) -> str:
        return f"{self.message} [json-pointer:{self.pointer}]"

    def as_json(self) -> dict[str, Any]:
        """The shape `blocks.validate` answers with."""
        return {"code": self.code, "message": self.message, "pointer": self.pointer, "constraint": dict(self.constraint)}


def string(most: int | None = None, fewest: int = 0, pattern: str | None = None) -> Check:
    """Text of `fewest` to `most` characters."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield must_be("string", at)
            return
        if most is not None and len(value) > most:
            yield Problem(f"must be less than {most + 1} characters", at, {"type": "max_length", "max": most})
        if len(value) < fewest:
            yield Problem(f"must be more than {fewest - 1} characters", at, {"type": "min_length", "min": fewest})
        if pattern is not None and not re.fullmatch(pattern, value):
            yield Problem("does not match the allowed format", at, {"type": "regex", "pattern": pattern})

    return check


def integer(low: int | None = None, high: int | None = None) -> Check:
    """A whole number between `low` and `high`, both allowed."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield must_be("integer", at)
            return
        yield from outside(value, low, high, at)

    return check


def number(above: float | None = None) -> Check:
    """A number, finite, greater than `above`."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value in (float("inf"), -float("inf")):
            yield must_be("number", at)
        elif above is not None and value <= above:
            yield Problem(f"must be greater than {above:g}", at, {"type": "exclusive_min", "min": above})

    return check


def boolean(value: Any, at: str) -> Iterator[Problem]:
    """True or false, not their words."""
    if not isinstance(value, bool):
        yield must_be("boolean", at)


def one_of(*allowed: str) -> Check:
    """One word of a closed list."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if value not in allowed:
            yield Problem(f"must be a valid enum value: {', '.join(allowed)}", at, {"type": "enum", "expected": list(allowed)})

    return check


def array(item: Check, most: int | None = None, fewest: int = 0) -> Check:
    """A list whose every item passes `item`."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield must_be("array", at)
            return
        yield from wrong_length(value, most, fewest, at)
        for index, each in enumerate(value):
            yield from item(each, f"{at}/{index}")

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *rules: Rule) -> Check:
    """An object with exactly these fields; `rules` look across fields."""
    known = {**(optional or {}), **required}

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield must_be("object", at)
            return
        for name in required:
            if value.get(name) is None:
                yield Problem(f"missing required field: {name}", at, {"type": "required", "field": name})
        for name, each in value.items():
            if name not in known:
                yield Problem(f"invalid additional property: {name}", at, {"type": "additional_property", "field": str(name)})
            elif each is not None:
                yield from known[name](each, f"{at}/{name}")
        for rule in rules:
            yield from rule(value, at)

    return check


def by_type(shapes: Mapping[str, Check]) -> Check:
    """An object whose `type` chooses its shape."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield must_be("object", at)
            return
        kind = value.get("type")
        if kind is None:
            yield Problem("missing required field: type", at, {"type": "required", "field": "type"})
        elif not isinstance(kind, str) or kind not in shapes:
            yield Problem(f"unsupported type: {kind}", f"{at}/type", {"type": "enum", "expected": sorted(shapes)})
        else:
            yield from shapes[kind]({name: each for name, each in value.items() if name != "type"}, at)

    return check


def exactly_one(*names: str) -> Rule:
    """One of these fields and no second."""

    def rule(value: dict[str, Any], at: str) -> Iterator[Problem]:
        present = [name for name in names if value.get(name) is not None]
        if len(present) != 1:
            yield Problem(f"must have exactly one of: {', '.join(names)}", at, {"type": "one_of", "fields": list(names)})

    return rule


def at_least_one(*names: str) -> Rule:
    """One of these fields or more."""

    def rule(value: dict[str, Any], at: str) -> Iterator[Problem]:
        if all(value.get(name) is None for name in names):
            yield Problem(f"must define either: {', '.join(names)}", at, {"type": "any_of", "fields": list(names)})

    return rule


def at_most_one(*names: str) -> Rule:
    """These fields exclude each other."""

    def rule(value: dict[str, Any], at: str) -> Iterator[Problem]:
        if sum(value.get(name) is not None for name in names) > 1:
            yield Problem(f"must have at most one of: {', '.join(names)}", at, {"type": "at_most_one", "fields": list(names)})

    return rule


def must_be(kind: str, at: str) -> Problem:
    """The value has the wrong JSON type."""
    article = "an" if kind[0] in "aeio" else "a"
    return Problem(f"must provide {article} {kind}", at, {"type": "type", "expected": kind})


def outside(value: float, low: int | None, high: int | None, at: str) -> Iterator[Problem]:
    """Say which bound was crossed."""
    if low is not None and value < low:
        yield Problem(f"must be at least {low}", at, {"type": "min", "min": low})
    if high is not None and value > high:
        yield Problem(f"must be at most {high}", at, {"type": "max", "max": high})


def wrong_length(value: list[Any], most: int | None, fewest: int, at: str) -> Iterator[Problem]:
    """Say how many items are allowed."""
    if most is not None and len(value) > most:
        yield Problem(f"no more than {most} items allowed", at, {"type": "max_items", "max": most})
    if len(value) < fewest:
        yield Problem(f"no less than {fewest} items allowed", at, {"type": "min_items", "min": fewest})
