"""What an unquoted YAML word means here: fewer surprises than YAML 1.1, and never a float."""

import re
from datetime import date
from decimal import Decimal
from typing import Final

Scalar = None | bool | int | Decimal | date | str

NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
TRUTH: Final = {"true": True, "false": False}
# Longer digits than this are a name somebody gave, not a number somebody counts with.
INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,39})")
DECIMAL: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,39})?\.[0-9]{1,40}")
DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NOT_A_NUMBER: Final = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)


def meaning(word: str) -> Scalar:
    """Return what an unquoted word stands for; `no`, `010`, `12:30`, `1_000` and `1e3` stay text. Raises ValueError with the way out."""
    if word in NOTHING:
        return None
    if word in TRUTH:
        return TRUTH[word]
    if INTEGER.fullmatch(word):
        return int(word)
    if DECIMAL.fullmatch(word):
        return Decimal(word)
    if NOT_A_NUMBER.fullmatch(word):
        raise ValueError(f"'{word}' is not an amount of anything; write a number, or quotes around it when it is text")
    return day(word) if DAY.fullmatch(word) else word


def day(word: str) -> date:
    """Read `2026-01-31`, and no other way to write a day."""
    try:
        return date.fromisoformat(word if DAY.fullmatch(word) else "")
    except ValueError:
        raise ValueError(f"'{word}' is no day of the calendar; write a real date, or quotes around it when it is text") from None


def unusable(text: str) -> str | None:
    """Return the first character no name or sentence can hold, as `U+0007`; half a surrogate pair is one too."""
    bad = next((letter for letter in text if (letter < " " and letter not in "\n\t") or "\x7f" <= letter <= "\x9f" or _lone(letter)), None)
    return None if bad is None else f"U+{ord(bad):04X}"


def _lone(letter: str) -> bool:
    return "\ud800" <= letter <= "\udfff"
