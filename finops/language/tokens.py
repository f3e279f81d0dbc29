"""Cuts a question into words, quoted values and signs, as people type them and as Slack rewrites them."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from finops.language.words import SETTINGS, fold

V = TypeVar("V")

QUOTES: Final = ('"“”„‟', "'‘’‚‛")  # Slack's clients turn straight quotes into typographic ones
EXAMPLE: Final = "team=ml last 7d by model"

_INVISIBLE: Final = frozenset("\u200b\u2060\ufeff")  # comes along with pasted text
_ENDS: Final = "?!;:`"  # what people put after the last word
_SLACK: Final = re.compile(r"<([#@!]|[a-z][a-z0-9+.-]*:)([^<>|]*)(?:\|([^<>]*))?>|&(amp|lt|gt);")
_ENTITIES: Final = {"amp": "&", "lt": "<", "gt": ">"}
_SIGN: Final = re.compile(r"!=|≠|==?|,")
_RANGE: Final = re.compile(r"\.\.+|[–—→…]")
_BARE: Final = re.compile(r"[\w*/@+-]+(?:[.:][\w*/@+-]+)*")


@dataclass(frozen=True)
class Token:
    """A piece of the question: its text as meant, `word` as the vocabulary writes it ("" unless it is a word), and where it stands."""

    kind: Literal["word", "quoted", "sign"]
    text: str
    word: str
    start: int
    end: int
    glued: bool  # no space before it


class Misread(Exception):  # noqa: N818 - a signal between our readers; what leaves is a QueryError
    """What is wrong between `start` and `end` of the text, and what could stand there instead."""

    def __init__(self, message: str, start: int, end: int, *instead: str, suggestion: str = EXAMPLE) -> None:
        super().__init__(message)
        self.message, self.start, self.end = message, start, end
        self.instead, self.suggestion = instead, suggestion


class Cursor:
    """Walks over the tokens of one text; every reader takes what it understands and leaves the rest."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tuple(tokens(text))
        self.at = 0

    def peek(self, ahead: int = 0) -> Token | None:
        return self.tokens[self.at + ahead] if 0 <= self.at + ahead < len(self.tokens) else None

    def word(self, ahead: int = 0) -> str:
        token = self.peek(ahead)
        return token.word if token else ""

    def is_sign(self, *signs: str, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        return token is not None and token.kind == "sign" and token.text in signs

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def take_sign(self, *signs: str) -> bool:
        return self.is_sign(*signs) and bool(self.take())

    def take_word(self, words: frozenset[str]) -> bool:
        return self.word() in words and bool(self.take())

    def phrase(self, table: Mapping[str, V]) -> V | None:
        """Take the longest run of up to four words that `table` knows."""
        for length in (4, 3, 2, 1):
            words = [self.word(n) for n in range(length)]
            meaning = table.get(" ".join(words)) if all(words) else None
            if meaning is not None:
                self.at += length
                return meaning
        return None

    def says(self, phrases: frozenset[str]) -> bool:
        """Take the longest of `phrases` that stands here."""
        return self.phrase({words: words for words in phrases}) is not None

    def attempt(self, read: Callable[[], V | None]) -> V | None:
        """Read, or stay where we are."""
        before = self.at
        found = read()
        if found is None:
            self.at = before
        return found

    def since(self, first: int) -> str:
        """Return the text from token number `first` up to here, as it was written."""
        return shown(self.text[self.tokens[first].start : self.tokens[self.at - 1].end]) if self.at > first else ""

    def wrong(self, message: str, *instead: str, first: int | None = None, suggestion: str = EXAMPLE) -> Misread:
        """Return the error about the tokens from number `first` (default: the last one taken) up to here."""
        if not self.tokens:
            return Misread(message, 0, 0, *instead, suggestion=suggestion)
        first = max(0, self.at - 1) if first is None else first
        last = self.tokens[max(first, self.at - 1)]
        return Misread(message, self.tokens[first].start, last.end, *instead, suggestion=suggestion)


def shown(text: str, most: int = 60) -> str:
    """Return `text` short enough, and on one line, for a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def quoted(text: str) -> str:
    """Return `text` as a value in a question: bare where that reads back the same, else in quotes."""
    if _BARE.fullmatch(text):
        return text
    escaped = re.sub(r"&(?=(?:amp|lt|gt);)", "&amp;", text).replace("<", "&lt;")
    return '"' + "".join(sign * 2 if sign in QUOTES[0] else sign for sign in escaped) + '"'


def tokens(text: str) -> Iterator[Token]:
    """Yield the pieces of `text`; after `=` of a filter nearly every sign belongs to the value."""
    at, before, value = 0, None, False
    while at < len(text):
        if _is_space(text[at]):
            at, value = at + 1, value and before is not None and before.kind == "sign" and before.text != ","
            continue
        token = _token(text, at, value)
        value = _value_follows(before, token, value)
        at, before = token.end, token
        yield token


def _value_follows(before: Token | None, token: Token, value: bool) -> bool:
    if token.kind == "sign" and token.text != ",":
        return before is None or before.word not in SETTINGS
    return value


def _token(text: str, at: int, value: bool) -> Token:
    glued = at > 0 and not _is_space(text[at - 1])
    if sign := _SIGN.match(text, at):
        meaning = {"==": "=", "≠": "!="}.get(sign[0], sign[0])
        return Token("sign", meaning, "", at, sign.end(), glued)
    if (slack := _SLACK.match(text, at)) and not slack[4]:
        return Token("quoted", _decoded(slack[0]), "", at, slack.end(), glued)
    for quotes in QUOTES:
        if text[at] in quotes:
            return _quoted(text, at, quotes, glued)
    end = _word_end(text, at, value)
    meant = _decoded(text[at:end])
    return Token("word", meant, _vocabulary_word(meant), at, end, glued)


def _quoted(text: str, opened: int, quotes: str, glued: bool) -> Token:
    """Read up to the closing quote; a quote written twice stands for itself."""
    signs, at = [], opened + 1
    while at < len(text):
        if text[at] not in quotes:
            signs.append(text[at])
            at += 1
        elif text[at + 1 : at + 2] == text[at]:
            signs.append(text[at])
            at += 2
        else:
            return Token("quoted", _decoded("".join(signs)), "", opened, at + 1, glued)
    rest = text[opened:]
    raise Misread(f"The quote before '{shown(rest[1:], 30)}' is never closed.", opened, len(text), rest + text[opened], rest[1:])


def _word_end(text: str, at: int, value: bool) -> int:
    if not value and (dots := _RANGE.match(text, at)):
        return dots.end()
    end = at + 1
    while end < len(text) and not _stops(text, end, value):
        end += 1
    return end


def _stops(text: str, at: int, value: bool) -> bool:
    if _is_space(text[at]) or text[at] == ",":
        return True
    if value:
        return False
    after_colon = text[at - 1] == ":" and (any(text[at] in quotes for quotes in QUOTES) or text[at] == "<")
    return after_colon or text[at] in "=≠–—→…" or text.startswith(("!=", ".."), at)


def _vocabulary_word(text: str) -> str:
    word = re.sub(r"['’]s$", "", fold(text))  # `yesterday's`
    if re.fullmatch(r"\.\.+", word):
        return ".."
    word = word.strip("?!;:`*_~()[]{}¿¡").removesuffix(".") or word
    return word if re.search(r"\w", word) else word[:1]


def trimmed(value: str) -> str:
    """Return a bare value without the question mark or full stop that ends the sentence."""
    return value.rstrip(_ENDS).removesuffix(".").rstrip(_ENDS) or value


def _decoded(text: str) -> str:
    """Undo Slack's escapes: `&amp;`, `<#C1|name>`, `<@U1>`, `<https://a.b|a.b>`."""
    return _SLACK.sub(_meaning, text)


def _meaning(match: re.Match[str]) -> str:
    kind, target, label, entity = match.groups()
    if entity:
        return _ENTITIES[entity]
    if label:
        return re.sub(r"&(amp|lt|gt);", lambda inner: _ENTITIES[inner[1]], label)
    return str(target if kind in ("#", "@", "!", "mailto:", "tel:") else kind + target)


def _is_space(sign: str) -> bool:
    return sign.isspace() or sign in _INVISIBLE


def unprintable(text: str) -> str | None:
    """Return the first sign that no question holds: control signs, half surrogates, line separators inside a value."""
    return next((sign for sign in text if unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"}), None)
