"""The `owners` section: rules in their order, and which of them can never apply."""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from finops.configuration.fields import Fields, WrongError, as_day, as_text, as_texts, entries, fields, items, nearest, read
from finops.configuration.problems import Problems, shown
from finops.owners import MATCHABLE, OwnerRule
from finops.yamlfile import Node, Table

DECIDED: Final = ("team", "project", "env")
OWNER_FIELDS: Final = ("match", *DECIDED, "from", "to")
PLACE: Final = re.compile(r"\{([^{}]+)\}")

Match = tuple[tuple[str, tuple[str, ...]], ...]


def owner_rules(section: Node | None, problems: Problems) -> tuple[OwnerRule, ...]:
    """Read the rules; `to` is the last day a rule holds for, as people say it, and becomes the day after it."""
    found = [(rule, item) for item in items(section, problems, "owners") if (rule := _rule(item, problems))]
    for item, lines in _hidden(found):
        problems.note(item.file, item.line, f"this rule never applies; the same charges are decided before it, on {_lines(lines)}")
    return tuple(rule for rule, _ in found)


def covers(earlier: OwnerRule, later: OwnerRule) -> bool:
    """Say whether every charge that `later` matches is matched by `earlier` too."""
    begins = earlier.start is None or (later.start is not None and earlier.start <= later.start)
    ends = earlier.end is None or (later.end is not None and later.end <= earlier.end)
    asked = dict(later.match)
    return begins and ends and all(name in asked and _all_within(asked[name], patterns) for name, patterns in earlier.match)


def _rule(node: Node, problems: Problems) -> OwnerRule | None:
    row = fields(node, OWNER_FIELDS, problems, "an owner rule")
    if row is None:
        return None
    match = _match(row, problems)
    team, project, env = (row.get(name, as_owner) for name in DECIDED)
    if not any(row.raw(name) for name in DECIDED):
        row.wrong("an owner rule needs at least one of 'team', 'project' and 'env'")
    start, last = row.get("from", as_day), row.get("to", as_day)
    if start and last and last < start:
        row.wrong(f"'to' is before 'from'; it is the last day the rule holds for, so {start} or later", at="to")
    return OwnerRule(match, team, project, env, start, _day_after(last)) if match else None


def _day_after(last: date | None) -> date | None:
    return None if last is None or last == date.max else last + timedelta(days=1)


def _match(row: Fields, problems: Problems) -> Match:
    found = []
    for entry in entries(row.raw("match"), problems, "match"):
        if not _is_matchable(entry.name):
            hint = "; write 'tag:KEY' for the tag KEY" if entry.name in ("tag", "tags", "tag:") else nearest(entry.name, MATCHABLE)
            problems.note(entry.key.file, entry.key.line, f"owners cannot match on {shown(entry.name)}{hint}")
        elif patterns := read(entry.value, as_texts, f"'{entry.name}'", problems):
            found.append((entry.name, patterns))
    given = row.raw("match")
    if given is None or given.value == Table(()):
        row.wrong("an owner rule needs 'match' with at least one of project, account, service, tag:KEY …")
    return tuple(sorted(found))


def _is_matchable(name: str) -> bool:
    return name in MATCHABLE or (name.startswith("tag:") and name != "tag:")


def as_owner(node: Node) -> str:
    """Read an owner's name, or a place like `{tag:team}` that stands for what the charge says there."""
    if isinstance(node.value, Table):
        raise WrongError("a name, or a place in quotes such as '{tag:team}'")
    text = as_text(node)
    if "{" not in text and "}" not in text:
        return text
    place = PLACE.fullmatch(text)
    if not place:
        raise WrongError("a name, or one place such as '{tag:team}' by itself")
    if not _is_matchable(place[1]):
        raise WrongError("a name or a place that is known", nearest(place[1], MATCHABLE))
    return text


def _hidden(rules: list[tuple[OwnerRule, Node]]) -> Iterator[tuple[Node, list[int]]]:
    """Yield each rule whose every field is decided by earlier ones for all charges it matches, with the lines of those."""
    index = _Index()
    for rule, node in rules:
        left, by = _decides(rule), []
        for earlier, line in index.candidates(rule):
            if left & _decides(earlier) and covers(earlier, rule):
                left -= _decides(earlier)
                by.append(line)
        if by and not left:
            yield node, sorted(by)
        index.add(rule, node.line)


class _Index:
    """Earlier rules by a value they name in full, so that thousands of rules need not be compared with each other."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str], list[tuple[OwnerRule, int]]] = defaultdict(list)
        self._others: list[tuple[OwnerRule, int]] = []

    def add(self, rule: OwnerRule, line: int) -> None:
        name, patterns = next(((name, each) for name, each in rule.match if not any("*" in one for one in each)), ("", ()))
        for pattern in patterns:
            self._exact[name, pattern.lower()].append((rule, line))
        if not patterns:
            self._others.append((rule, line))

    def candidates(self, rule: OwnerRule) -> Iterator[tuple[OwnerRule, int]]:
        """Yield all earlier rules that could cover this one: one that names values must name the first of each list."""
        yield from self._others
        for name, patterns in rule.match:
            yield from self._exact.get((name, patterns[0].lower()), ())


def _decides(rule: OwnerRule) -> frozenset[str]:
    return frozenset(name for name in DECIDED if getattr(rule, name) is not None)


def _all_within(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return all(any(_within(each.lower(), wide.lower()) for wide in outer) for each in inner)


def _within(inner: str, outer: str) -> bool:
    """Say whether the pattern `outer` matches all that `inner` does; a `*` of `inner` can only meet a `*` of `outer`."""
    first, *parts = outer.split("*")
    if not parts:
        return inner == outer
    last = parts.pop()
    if len(inner) < len(first) + len(last) or not (inner.startswith(first) and inner.endswith(last)):
        return False
    at, end = len(first), len(inner) - len(last)
    for part in parts:
        at = inner.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _lines(lines: list[int]) -> str:
    """Say `line 3` or `lines 3 and 5`."""
    told = [str(line) for line in lines]
    return f"line {told[0]}" if len(told) == 1 else f"lines {', '.join(told[:-1])} and {told[-1]}"
