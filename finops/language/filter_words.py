"""Reads filters and dimension names: `team=ml,"data science"`, `env:prod`, `tag:"cost center"!=42`."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from finops.errors import close_to
from finops.language.tokens import Cursor, Misread, Token, quoted, shown, trimmed, unprintable
from finops.language.words import DIMENSION_WORDS, HOUR_WORDS, KEYWORDS, NONE_WORDS, NOT_WORDS, TAG_WORDS, UNIT_WORDS, fold

_SIGNS: Final = ("=", "!=")
_LOOKS_LIKE_A_PERIOD: Final = re.compile(r"[0-9]{4}([-/][0-9]{1,2}){0,2}|[0-9]{4}-?[qw][0-9]{1,2}|([0-9]+)([a-z]+)")


_JOINED: Final = re.compile(r"([;&|]+)(\w+)!?=")  # `team=ml;env=prod`, `team=ml&env=prod`


@dataclass(frozen=True)
class Condition:
    """One filter as written, before filters on the same dimension are put together."""

    dimension: str
    values: tuple[str, ...]
    negated: bool


def read_filter(cursor: Cursor) -> Condition | None:
    """Read `dimension=values` or `dimension:values`, after `not` the opposite."""
    return cursor.attempt(lambda: _negated(cursor) if cursor.word() in NOT_WORDS else _filter(cursor))


def read_dimension(cursor: Cursor) -> str | None:
    """Read the name of a dimension that no filter follows, as after `by`."""
    first = cursor.at
    name = cursor.attempt(lambda: _tag(cursor) or _name(cursor))
    if name is None or not cursor.is_sign(*_SIGNS):
        return name
    cursor.at = first
    return None


def dimension_named(word: str) -> str | None:
    """Return the dimension `word` stands for: a name, an alias, or the plural of one."""
    name = fold(word).strip("?!.;:`*_~()[]").replace("-", "_")
    singulars = (name, name.removesuffix("s"), name.removesuffix("es"), re.sub("ies$", "y", name))
    return next((DIMENSION_WORDS[each] for each in singulars if each in DIMENSION_WORDS), None)


def starts_something(cursor: Cursor) -> bool:
    """Tell whether the next word begins a part of the question, so that it is no value by mistake."""
    word = cursor.word()
    if word in KEYWORDS or cursor.is_sign(*_SIGNS, ahead=1):
        return True
    head, colon, _ = word.partition(":")
    if colon and (dimension_named(head) or head in TAG_WORDS):
        return True
    if word.isdigit() and cursor.word(1) in UNIT_WORDS:
        return True
    period = _LOOKS_LIKE_A_PERIOD.fullmatch(word)
    return period is not None and (period[3] is None or period[3] in UNIT_WORDS or period[3] in HOUR_WORDS)


def _negated(cursor: Cursor) -> Condition | None:
    cursor.take()
    found = _filter(cursor)
    return Condition(found.dimension, found.values, not found.negated) if found else None


def _filter(cursor: Cursor) -> Condition | None:
    return cursor.attempt(lambda: _with_sign(cursor)) or cursor.attempt(lambda: _with_colon(cursor))


def _with_sign(cursor: Cursor) -> Condition | None:
    first = cursor.at
    name = _tag(cursor) or _name(cursor)
    if name is None and cursor.is_sign(*_SIGNS, ahead=1):
        raise _unknown_name(cursor)
    if name is None or not cursor.is_sign(*_SIGNS):
        return None
    sign = cursor.take().text
    return Condition(name, _values(cursor, first), negated=sign == "!=")


def _name(cursor: Cursor) -> str | None:
    """Read a name of up to three words: `token type`, `categoria de serviço`."""
    for length in (3, 2, 1):
        parts = [cursor.peek(n) for n in range(length)]
        name = dimension_named("_".join(part.text for part in parts if part)) if all(parts) else None
        if name and (length == 1 or all(part and part.kind == "word" for part in parts)):
            cursor.at += length
            return name
    return None


def _tag(cursor: Cursor) -> str | None:
    token = cursor.peek()
    if token is None or token.kind != "word":
        return None
    head, colon, key = token.text.partition(":")
    if not colon or fold(head).strip("`*_~([") not in TAG_WORDS:
        return None
    cursor.take()
    following = cursor.peek()
    if not key and following and following.kind == "quoted" and following.glued:
        return _checked_tag(cursor, cursor.take().text)
    return _checked_tag(cursor, trimmed(key))


def _checked_tag(cursor: Cursor, key: str) -> str:
    if not key.strip() or unprintable(key):
        raise cursor.wrong(
            "'tag:' needs the key of a tag, as in tag:cost-center=42.", "tag:cost-center", suggestion="tag:cost-center=42 last 7d"
        )
    return f"tag:{key}"


def _with_colon(cursor: Cursor) -> Condition | None:
    """Read `env:prod`; the text after the colon is the first value."""
    token = cursor.peek()
    head, colon, value = token.text.partition(":") if token and token.kind == "word" else ("", "", "")
    name = dimension_named(head) if colon else None
    if name is None:
        return None
    first = cursor.at
    cursor.take()
    following = cursor.peek()
    if value:
        return Condition(name, _listed(cursor, [_checked(cursor, trimmed(value), bare=True)]), negated=False)
    if following and following.glued and following.kind == "quoted":
        return Condition(name, _values(cursor, first), negated=False)
    return None


def _values(cursor: Cursor, first: int) -> tuple[str, ...]:
    token = cursor.peek()
    if token is None or token.kind == "sign":
        raise _no_value(cursor, first)
    if _stands_apart(token) and starts_something(cursor):
        raise _no_value(cursor, first)
    return _listed(cursor, [_value(cursor)])


def _listed(cursor: Cursor, values: list[str]) -> tuple[str, ...]:
    """Read on after each comma; after a comma and a space only what begins nothing else is a value."""
    while cursor.is_sign(","):
        comma = cursor.at
        cursor.take()
        following = cursor.peek()
        if following is None or following.kind == "sign" or (_stands_apart(following) and starts_something(cursor)):
            cursor.at = comma
            break
        values.append(_value(cursor))
    return tuple(dict.fromkeys(values))


def _stands_apart(token: Token) -> bool:
    return token.kind == "word" and not token.glued


def _value(cursor: Cursor) -> str:
    token = cursor.take()
    if token.kind == "word" and (joined := _JOINED.search(token.text)) and dimension_named(joined[2]):
        apart = f"{token.text[: joined.start()]} {token.text[joined.start(2) :]}"
        raise cursor.wrong(f"'{shown(token.text)}' runs two filters together; put a space between them.", apart)
    return _checked(cursor, trimmed(token.text) if token.kind == "word" else token.text, bare=token.kind == "word")


def _checked(cursor: Cursor, value: str, *, bare: bool) -> str:
    if not value:
        raise cursor.wrong("An empty value matches nothing; ask for none to see what has no owner.", "none", suggestion="team=none last 7d")
    if unprintable(value):
        raise cursor.wrong(f"The value '{shown(value)}' holds a line break or a control sign; leave it out.", quoted(shown(value)))
    if bare and fold(value) in NONE_WORDS:
        return "none"
    return value if value.strip("*") else "*"


def _no_value(cursor: Cursor, first: int) -> Misread:
    name = cursor.since(first)
    return cursor.wrong(
        f"'{name}' needs a value right after it; quote a value that is also a word of the language.",
        f"{name}none",
        f"{name}*",
        first=first,
    )


def _unknown_name(cursor: Cursor) -> Misread:
    word = cursor.take().text
    near = dimensions_near(word)
    hint = f"Did you mean '{near[0]}'?" if near else "A tag is written tag:KEY=value."
    return cursor.wrong(f"'{shown(word)}' is not a dimension. {hint}", *near, *(() if _sure(word) else (f"tag:{quoted(word)}",)))


def dimensions_near(word: str) -> tuple[str, ...]:
    """Return up to three dimensions `word` may be a slip of, nearest first."""
    hits = _sure(word) or close_to(fold(word), DIMENSION_WORDS)
    return tuple(dict.fromkeys(DIMENSION_WORDS[hit] for hit in hits))


def _sure(word: str) -> list[str]:
    return get_close_matches(fold(word), DIMENSION_WORDS, cutoff=0.75)
