"""Says what is wrong with a word nobody understood, and what was probably meant."""

import re
from collections.abc import Collection, Mapping
from typing import Final

from finops.errors import close_to
from finops.filter_words import dimension_named, dimensions_near
from finops.tokens import Cursor, Misread, quoted, shown
from finops.words import CURRENCIES, CURRENCY_NAMES, DIMENSION_WORDS, HOUR_WORDS, KEYWORDS, LAST, METRIC_WORDS, NOISE, PAST, TAG_WORDS, fold

_AMOUNT: Final = re.compile("([0-9]{1,4})([a-z]+)")
VOCABULARY: Final = frozenset(name for name in (KEYWORDS | DIMENSION_WORDS.keys()) - NOISE if len(name) > 2)


def unknown(cursor: Cursor, values: Mapping[str, Collection[str]]) -> Misread:
    first = cursor.at
    known = _known_value(cursor, values)
    if known:
        return known
    token = cursor.take()
    word = shown(token.text)
    if token.kind == "sign":
        return cursor.wrong(f"There is nothing to compare on the left of '{word}'; write dimension=value.", "")
    if token.kind == "quoted":
        return cursor.wrong(f"The value '{word}' needs its dimension, as in team=\"{word}\".", token.text, f"team={quoted(token.text)}")
    return _misplaced(cursor, word, token.word, first) or _unknown_word(cursor, word, token.word)


def _known_value(cursor: Cursor, values: Mapping[str, Collection[str]]) -> Misread | None:
    """Return the error for a value without its dimension, looking for the longest run of words that is one."""
    first = cursor.at
    for length in (4, 3, 2, 1):
        run = [cursor.peek(n) for n in range(length)]
        if run[-1] is None or run[0] is None:
            continue
        text = run[0].text if length == 1 else cursor.text[run[0].start : run[-1].end]
        fixes = [f"{name}={quoted(value)}" for name, known in values.items() for value in known if fold(value) == fold(text.rstrip("?!"))]
        if fixes and text:
            cursor.at = first + length
            meant = " or ".join(f"'{fix}'" for fix in fixes[:3])
            return cursor.wrong(f"'{shown(text)}' needs its dimension. Did you mean {meant}?", *sorted(fixes), first=first)
    return None


def _misplaced(cursor: Cursor, word: str, folded: str, first: int) -> Misread | None:
    """Return the error for a word we know that stands where it means nothing."""
    head, colon, _ = folded.partition(":")
    if colon and head in TAG_WORDS:
        return cursor.wrong(
            f"'{word}' needs a value, or 'by' before it.", f"{word}=*", f"by {word}", suggestion="tag:cost-center=42 last 7d"
        )
    if folded in HOUR_WORDS:
        return cursor.wrong("Bills are daily, so a day is the finest step.", "daily", suggestion="yesterday by model")
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
