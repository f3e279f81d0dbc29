"""Says what is wrong with a word nobody understood, and what was probably meant."""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Final

from finops.errors import close_to
from finops.language.filter_words import Condition, dimension_named, dimensions_near, starts_something
from finops.language.split_words import too_fine
from finops.language.tokens import Cursor, Misread, Token, quoted, shown, trimmed
from finops.language.words import (
    CURRENCIES,
    CURRENCY_NAMES,
    HOUR_WORDS,
    KEYWORDS,
    LAST,
    METRIC_WORDS,
    NOISE,
    PAST,
    TAG_WORDS,
    VOCABULARY,
    fold,
)

MOST_WORDS: Final = 5  # of a value without quotes
_AMOUNT: Final = re.compile("([0-9]{1,4})([a-z]+)")


def unknown(cursor: Cursor, values: Mapping[str, Collection[str]], before: Condition | None) -> Misread:
    """Return the error about the word that stands here; `before` is the filter that ends right before it."""
    known = _longer_value(cursor, values, before) or _known_value(cursor, values, before)
    if known:
        return known
    first = cursor.at
    token = cursor.take()
    word = shown(token.text)
    if token.kind == "sign":
        return cursor.wrong(f"There is nothing to compare on the left of '{word}'; write dimension=value.", "")
    if token.kind == "quoted":
        return cursor.wrong(f"The value '{word}' needs its dimension, as in team=\"{word}\".", token.text, f"team={quoted(token.text)}")
    misplaced = _misplaced(cursor, word, token.word, first)
    if misplaced:
        return misplaced
    if get_close_matches(token.word, VOCABULARY, cutoff=0.75):
        return _unknown_word(cursor, word, token.word)
    cursor.at = first
    return _longer_value(cursor, {}, before) or _unknown_word(cursor, word, cursor.take().word)


def _longer_value(cursor: Cursor, values: Mapping[str, Collection[str]], before: Condition | None) -> Misread | None:
    """Return the error for `service=Amazon EC2`; with `values` only for a run of words that is a known value."""
    start = cursor.peek(-1)
    if before is None or start is None or start.kind != "word" or not _is_sign(cursor.peek(-2)):
        return None
    first, best = cursor.at, 0
    known = {fold(value) for value in values.get(before.dimension, ())}
    while (token := cursor.peek()) and token.kind == "word" and not starts_something(cursor) and cursor.at - first < MOST_WORDS:
        cursor.take()
        if not values or fold(_run(cursor, first - 1)) in known:
            best = cursor.at
    cursor.at = best or first
    if not best:
        return None
    value = quoted(_run(cursor, first - 1))
    message = f"'{cursor.since(first)}' follows a value; quote a value that holds spaces: {before.dimension}={shown(value)}."
    return cursor.wrong(message, value, first=first - 1)


def _run(cursor: Cursor, first: int) -> str:
    return trimmed(cursor.text[cursor.tokens[first].start : cursor.tokens[cursor.at - 1].end])


def _is_sign(token: Token | None) -> bool:
    return token is not None and token.kind == "sign"


def _known_value(cursor: Cursor, values: Mapping[str, Collection[str]], before: Condition | None) -> Misread | None:
    """Return the error for a value without its dimension, looking for the longest run of words that is one."""
    first = cursor.at
    runs: dict[str, int] = {}
    while cursor.peek() and cursor.at - first < MOST_WORDS:
        token = cursor.take()
        runs[fold(trimmed(token.text) if cursor.at - first == 1 else _run(cursor, first))] = cursor.at
    hits = sorted((-runs[fold(value)], name, value) for name, known in values.items() for value in known if fold(value) in runs)
    cursor.at = first
    if not hits:
        return None
    cursor.at = -hits[0][0]
    fixes = [f"{name}={quoted(value)}" for end, name, value in hits if -end == cursor.at]
    if before and before.dimension in [name for _, name, _ in hits]:
        return _another_value(cursor, before.dimension, first)
    hint = " or ".join(f"'{fix}'" for fix in fixes[:3])
    return cursor.wrong(f"'{cursor.since(first)}' needs its dimension. Did you mean {hint}?", *fixes, first=first)


def _another_value(cursor: Cursor, dimension: str, first: int) -> Misread:
    """Return the error for `team=ml search`."""
    value = cursor.tokens[first - 1]
    both = f"{cursor.text[value.start : value.end]},{quoted(_run(cursor, first))}"
    return cursor.wrong(f"'{cursor.since(first)}' needs a comma before it to be another {dimension}.", both, first=first - 1)


def _misplaced(cursor: Cursor, word: str, folded: str, first: int) -> Misread | None:
    """Return the error for a word we know that stands where it means nothing."""
    head, colon, _ = folded.partition(":")
    if colon and head in TAG_WORDS:
        return cursor.wrong(
            f"'{word}' needs a value, or 'by' before it.", f"{word}=*", f"by {word}", suggestion="tag:cost-center=42 last 7d"
        )
    if folded in HOUR_WORDS:
        return too_fine(cursor, "daily")
    if folded in CURRENCY_NAMES or folded.upper() in CURRENCIES - {"ALL"}:
        code = CURRENCY_NAMES.get(folded, folded.upper())
        return cursor.wrong(f"'{word}' needs 'in' before it to be the currency. Did you mean 'in {code}'?", f"in {code}")
    if folded in LAST | PAST and (amount := _AMOUNT.fullmatch(cursor.word())):
        folded = cursor.take().word
    if amount := _AMOUNT.fullmatch(folded):
        return cursor.wrong(
            f"'{shown(cursor.since(first))}' is no length of time; the units are d, w, m, q and y.",
            f"last {amount[1]}d",
            first=first,
            suggestion="last 7d",
        )
    if metric := METRIC_WORDS.get(folded):
        return cursor.wrong(f"'{word}' alone says nothing; write cost={metric} for that kind of cost.", f"cost={metric}")
    if name := dimension_named(folded):
        return _bare_dimension(cursor, word, name, first)
    if folded in KEYWORDS or re.fullmatch(r"[0-9.,]+", folded):
        return cursor.wrong(
            f"'{word}' says nothing by itself here; periods read like last 7d, this month or 2026-03.", "last 7d", first=first
        )
    return None


def _bare_dimension(cursor: Cursor, word: str, name: str, first: int) -> Misread:
    following = cursor.peek()
    if following and following.kind != "sign" and following.word not in NOISE | KEYWORDS:
        end = following.end
        start = cursor.tokens[first].start
        filtered, split = f"{name}={quoted(following.text)}", f"by {name} {following.text}"
        return Misread(f"'{word}' needs '=' and a value, or 'by' before it. Did you mean '{filtered}'?", start, end, filtered, split)
    return cursor.wrong(f"'{word}' needs 'by' before it, or '=' and a value after it. Did you mean 'by {name}'?", f"by {name}", first=first)


def _unknown_word(cursor: Cursor, word: str, folded: str) -> Misread:
    head, colon, tail = folded.partition(":")
    if colon and tail and (near := dimensions_near(head)):
        fixes = [f"{name}:{tail}" for name in near]
    else:
        fixes = list(close_to(folded, VOCABULARY))
    hint = f"Did you mean '{fixes[0]}'?" if fixes else "A value needs its dimension, as in team=ml."
    return cursor.wrong(f"'{word}' is not a word of a question. {hint}", *fixes)
