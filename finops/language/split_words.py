"""Reads how the answer is laid out: `by team, model`, `per day`, `weekly`, `top 5 models`."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Final

from finops.errors import close_to
from finops.language.filter_words import dimension_named, dimensions_near, read_dimension
from finops.language.tokens import Cursor, Misread, shown
from finops.language.words import AND, BY, COUNT, GRAIN_KEYS, GRAIN_NOUNS, GRAIN_WORDS, HOUR_WORDS, NOISE, TOP
from finops.periods import Grain

MOST_ROWS: Final = 100


@dataclass(frozen=True)
class Layout:
    """What the words ask for: dimensions to split by, steps of the chart, a number of rows."""

    by: tuple[str, ...] = ()
    grains: tuple[Grain, ...] = ()
    top: int | None = None
    count: str | None = None


def read_layout(cursor: Cursor) -> Layout | None:
    """Read a split, a number of rows, a count or a step, whichever stands here."""
    readers = (_split, _top, _count, _step)
    return next((layout for read in readers if (layout := cursor.attempt(partial(read, cursor)))), None)


def _split(cursor: Cursor) -> Layout | None:
    first = cursor.at
    if not cursor.take_word(BY):
        return None
    cursor.take_sign("=")
    items = [_item(cursor) or _refuse_item(cursor, first)]
    while item := cursor.attempt(partial(_next_item, cursor)):
        items.append(item)
    return Layout(tuple(name for name, _ in items if name), tuple(grain for _, grain in items if grain))


def _item(cursor: Cursor) -> tuple[str | None, Grain | None] | None:
    """Read one dimension or step, after words such as `the`."""
    _skip_noise(cursor)
    grain = GRAIN_NOUNS.get(cursor.word()) or GRAIN_WORDS.get(cursor.word())
    if grain and not cursor.is_sign("=", "!=", ahead=1):
        cursor.take()
        return None, grain
    name = read_dimension(cursor)
    return (name, None) if name else None


def _next_item(cursor: Cursor) -> tuple[str | None, Grain | None] | None:
    """Read `, env`, `and env` or `, and by env`, unless what follows begins something else."""
    comma = cursor.take_sign(",")
    joined = cursor.take_word(AND) or comma
    token = cursor.peek()
    if not joined or token is None:
        return None
    start = cursor.at
    cursor.take_word(BY)
    item = _item(cursor)
    if item is None and comma and token.glued:
        cursor.at = start
        return _refuse_item(cursor, start)
    return item


def _skip_noise(cursor: Cursor) -> None:
    while cursor.word() and cursor.word() in NOISE - AND and dimension_named(cursor.word()) is None:
        cursor.take()


def _refuse_item(cursor: Cursor, first: int) -> tuple[None, None]:
    """Raise the error about what stands where a dimension should."""
    token = cursor.peek()
    if token is None or token.kind == "sign":
        message = f"'{cursor.since(first)}' needs a dimension or day, week, month."
        raise cursor.wrong(message, "by model", "by team", first=first, suggestion="last 7d by model")
    word = cursor.take().word
    if word in HOUR_WORDS:
        raise too_fine(cursor, "day")
    near = dimensions_near(word) + close_to(word, GRAIN_NOUNS, most=1)
    hint = f"Did you mean '{near[0]}'?" if near else "Try model, team, service or day."
    raise cursor.wrong(f"'{shown(token.text)}' is nothing to split by. {hint}", *near, suggestion="last 7d by model")


def too_fine(cursor: Cursor, instead: str) -> Misread:
    """Return the error about hours."""
    return cursor.wrong("Bills are daily, so a day is the finest step.", instead, suggestion="yesterday by model")


def _top(cursor: Cursor) -> Layout | None:
    """Read `top 5`, `top=5`, `top5`, and `top 5 models`, which also splits."""
    first = cursor.at
    fused = re.fullmatch(r"top([0-9]+)", cursor.word())
    if not fused and cursor.word() not in TOP:
        return None
    cursor.take()
    cursor.take_sign("=")
    number = fused[1] if fused else cursor.take().word if re.fullmatch(r"[0-9]+", cursor.word()) else None
    if number and not 1 <= int(number) <= MOST_ROWS:
        raise cursor.wrong(f"'{cursor.since(first)}' is out of range; top takes 1 to {MOST_ROWS}.", "top 10", first=first)
    name = cursor.attempt(partial(_ranked, cursor))
    if not number and not name:
        raise cursor.wrong(f"'top' needs a number from 1 to {MOST_ROWS}.", "top 10", first=first, suggestion="last 7d by model top 5")
    return Layout(by=(name,) if name else (), top=int(number) if number else None)


def _count(cursor: Cursor) -> Layout | None:
    """Read `count=user`, `count users`, `distinct users`."""
    first = cursor.at
    if not cursor.take_word(COUNT):
        return None
    strict = cursor.take_sign("=")
    _skip_noise(cursor)
    name = read_dimension(cursor)
    if name is None and (strict or cursor.peek() is None):
        raise cursor.wrong(
            f"'{cursor.since(first)}' needs a dimension to count.", "count=user", first=first, suggestion="last 30d by team count=user"
        )
    return Layout(count=name) if name else None


def _ranked(cursor: Cursor) -> str | None:
    _skip_noise(cursor)
    return read_dimension(cursor)


def _step(cursor: Cursor) -> Layout | None:
    first = cursor.at
    keyed = cursor.take_word(GRAIN_KEYS)
    strict = keyed and cursor.take_sign("=")
    grain = cursor.phrase(GRAIN_WORDS) or (cursor.phrase(GRAIN_NOUNS) if keyed else None)
    if grain is None and strict:
        raise cursor.wrong(f"'{cursor.since(first)}' needs day, week or month.", "daily", first=first, suggestion="last 7d daily")
    return Layout(grains=(grain,)) if grain else None
