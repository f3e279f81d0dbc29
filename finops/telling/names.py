"""Names from outside made fit to show: no control characters, no empty labels, no two alike."""

from collections.abc import Iterable, Sequence
from typing import Final
from unicodedata import category

OWNERS: Final = frozenset({"team", "project", "env"})
_JOINERS: Final = "\u200c\u200d"  # scripts and emoji need them to be spelled right
_BREAKS: Final = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")


def clean(text: str) -> str:
    """Drop what cannot be seen but changes how text reads: control, direction, zero-width and broken characters."""
    return " ".join("".join(_visible(sign) for sign in text).split())


def cut(text: str, most: int) -> str:
    """Shorten to `most` characters, the last an ellipsis when something is missing."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def label(key: Sequence[str | None], by: Sequence[str]) -> str:
    """Name a group: `ml / prod`, `unowned`, `(no model)`."""
    return " / ".join(value_label(value, dimension) for value, dimension in zip(key, by, strict=False)) or "all"


def value_label(value: str | None, dimension: str) -> str:
    if value is None:
        return "unowned" if dimension in OWNERS else f"(no {dimension_words(dimension)})"
    return clean(value) or "(blank)"


def dimension_words(dimension: str) -> str:
    return f"tag {clean(dimension[4:])}" if dimension.startswith("tag:") else clean(dimension).replace("_", " ")


def others(groups: int) -> str:
    return "1 other" if groups == 1 else f"{groups} others"


def distinct(names: Iterable[str], most: int) -> tuple[str, ...]:
    """Cut every name to `most` characters and number those that would then look alike."""
    taken: set[str] = set()
    return tuple(_next_free(name, most, taken) for name in names)


def _next_free(name: str, most: int, taken: set[str]) -> str:
    found, number = cut(name, most), 1
    while found in taken:
        number += 1
        found = f"{cut(name, most - len(str(number)) - 1)} {number}"
    taken.add(found)
    return found


def _visible(sign: str) -> str:
    if sign in _BREAKS:
        return " "
    if sign in _JOINERS:
        return sign
    kind = category(sign)
    return "" if kind in ("Cc", "Cf", "Cs", "Co") or ord(sign) & 0xFFFE == 0xFFFE else sign
