"""Reads which cost is meant and in which currency: `cost=billed`, `list prices`, `in EUR`."""

import re

from finops.charges import Metric
from finops.errors import close_to
from finops.language.tokens import Cursor, Misread, shown
from finops.language.words import CURRENCIES, CURRENCY_NAMES, IN, METRIC_KEYS, METRIC_PHRASES, METRIC_WORDS, NOISE, VOCABULARY


def read_metric(cursor: Cursor) -> Metric | None:
    """Read a kind of cost; `cost` alone is no choice."""
    metric = cursor.phrase(METRIC_PHRASES)
    if metric is None and cursor.take_word(METRIC_KEYS):
        strict = cursor.take_sign("=")
        metric = cursor.phrase(METRIC_WORDS)
        if metric is None and strict:
            raise _no_metric(cursor)
    return None if cursor.is_sign("=", "!=") else metric


def _no_metric(cursor: Cursor) -> Misread:
    word = shown(cursor.take().text) if cursor.peek() else ""
    near = dict.fromkeys(METRIC_WORDS[hit] for hit in close_to(word, METRIC_WORDS)) or ("effective", "billed", "list")
    return cursor.wrong(f"'{word}' is not a kind of cost: effective, billed, list or contracted.", *near, suggestion="last 7d cost=billed")


def read_currency(cursor: Cursor) -> str | None:
    """Read `in EUR`; a lower-case code only where it is no everyday word (`in all`)."""
    first = cursor.at
    if not cursor.take_word(IN):
        return None
    strict = cursor.take_sign("=")
    token = cursor.peek()
    if token is None or token.kind == "sign":
        return None
    code = token.text.strip("?!.;:").upper()
    if code in CURRENCIES and (strict or token.text.isupper() or token.word not in NOISE | VOCABULARY):
        cursor.take()
        return code
    if strict or token.word in CURRENCY_NAMES or re.fullmatch("[A-Z]{3}", token.text):
        raise _no_currency(cursor, first)
    return None


def _no_currency(cursor: Cursor, first: int) -> Misread:
    token = cursor.take()
    name = CURRENCY_NAMES.get(token.word)
    near = (name,) if name else close_to(token.text, CURRENCIES)
    hint = f"Did you mean {near[0]}?" if near else "Three letters such as EUR are needed."
    fixes = [f"in {code}" for code in near]
    return cursor.wrong(f"'{shown(token.text)}' is not a currency code. {hint}", *fixes, first=first, suggestion="last 7d in EUR")
