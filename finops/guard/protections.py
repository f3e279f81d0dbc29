"""What may never be moved: judges targets by their tags and where they are, the same at the proposal and at the act."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from finops.configuration.problems import shown
from finops.configuration.rulebook_approvals import Guard
from finops.configuration.rulebook_sections import Scope, scope_words

ALWAYS: Final = "finops-protected"
NOT_MEANT: Final = ("false", "no", "0", "off")
# Which tag tells a dimension; a target without any of them may be anything.
TOLD_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "env": ("env", "environment", "stage"),
    "team": ("team",),
    "project": ("project",),
    "feature": ("feature",),
    "tenant": ("tenant",),
}


@dataclass(frozen=True)
class Seen:
    """A target as a lever found it: where it is (`provider`, `account`, `region`, `service`, `resource`) and its tags."""

    target: str
    dimensions: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)


def refusals(guard: Guard, seen: Sequence[Seen]) -> list[str]:
    """Return why these targets may not be moved together, a sentence each; nothing when they may."""
    found = [too_many] if (too_many := over_limit(guard, len({one.target for one in seen}))) else []
    return found + [reason for one in seen for reason in _protected(guard, one)]


def over_limit(guard: Guard, targets: int) -> str | None:
    """Return why so many targets are too many for one plan."""
    if targets <= guard.max_targets:
        return None
    return f"{targets} targets are more than one plan may move, {guard.max_targets}; split it, or raise guard.max_targets in rules.yaml"


def halted(guard: Guard) -> str | None:
    """Return why nothing is moved at all just now."""
    if guard.stop:
        return "everything that acts is stopped by guard.stop in rules.yaml"
    return "this installation only says what it would do; set guard.dry_run to false in rules.yaml" if guard.dry_run else None


def _protected(guard: Guard, one: Seen) -> Iterator[str]:
    for rule in (ALWAYS, *guard.protected_tags):
        key, equals, value = rule.partition("=")
        held = _tag(one.tags, key)
        if held is not None and (_fits(held, value) if equals else held.casefold() not in NOT_MEANT):
            yield f"{one.target} is protected by its tag {shown(f'{key}={held}')}"
    for scope in guard.deny_scopes:
        if all(_within(one, name, values) for name, values in scope):
            yield _denied(one, scope)


def _denied(one: Seen, scope: Scope) -> str:
    unknown = [name for name, _ in scope if _value(one, name) is None]
    where = f"in {scope_words(scope)}, where nothing is moved"
    if not unknown:
        return f"{one.target} is {where}"
    return f"{one.target} may be {where}: its {' and '.join(unknown)} cannot be told; tag it"


def _within(one: Seen, name: str, values: tuple[str, ...]) -> bool:
    """A dimension that cannot be told fits every value: what may be production is treated as production."""
    held = _value(one, name)
    return held is None or any(_fits(held, value) for value in values)


def _value(one: Seen, name: str) -> str | None:
    """Return a target's value of a dimension, "" where it certainly has none and None where nobody can tell."""
    kind, colon, key = name.partition(":")
    if colon and kind == "tag":
        return _tag(one.tags, key) or ""
    if name in one.dimensions:
        return one.dimensions[name]
    return next((held for tag in TOLD_BY.get(name, ()) if (held := _tag(one.tags, tag))), None)


def _tag(tags: Mapping[str, str], key: str) -> str | None:
    return next((value for name, value in tags.items() if name.casefold() == key.casefold()), None)


def _fits(held: str, pattern: str) -> bool:
    return fnmatchcase(held.casefold(), pattern.casefold())
