"""Reads the text of policies as far as it takes to check it: words, rules, and which names are given a value where."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

KEYWORDS: Final = frozenset({
    "package", "import", "default", "as", "if", "in", "contains", "else", "not", "some", "every", "with", "true", "false", "null",
    "input", "data", "rego", "future", "_",
})  # fmt: skip
_TOKEN: Final = re.compile(
    r'(?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)|(?P<comment>#[^\n]*)|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(?P<number>\d[\d.eE]*)'
    r"|(?P<newline>\n)|(?P<sign>:=|==|!=|<=|>=|[^\s\w])"
)


@dataclass(frozen=True)
class Token:
    """A word, string or sign of a policy, the line it stands on, how deep in brackets, and whether it begins a line."""

    text: str
    kind: str
    line: int
    depth: int
    first: bool

    @property
    def head(self) -> str:
        return self.text.partition(".")[0]


START: Final = Token("", "sign", 0, 0, True)


@dataclass(frozen=True)
class Source:
    """One file of policy, as far as it must be understood to check it."""

    file: str
    text: str

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        return tuple(_tokens(self.text))

    @cached_property
    def package(self) -> str:
        words = [token.text for token in self.tokens if token.kind == "name"]
        return words[1] if words[:1] == ["package"] and len(words) > 1 else ""

    @cached_property
    def rules(self) -> Mapping[str, int]:
        """Return the names of its rules and functions with the lines they stand on."""
        found: dict[str, int] = {}
        for before, token in pairwise((START, *self.tokens)):
            starts = token.first and token.depth == 0 and token.kind == "name" and token.head not in KEYWORDS
            if starts or (before.text == "default" and token.kind == "name"):
                found.setdefault(token.text, token.line)
        return found

    @cached_property
    def held(self) -> frozenset[str]:
        """Return the names that hold one value wherever they stand: by `:=`, `some … in`, `every … in` or as an argument."""
        return frozenset(name for part in (_assigned, _over, _arguments) for name in part(self.tokens))

    @cached_property
    def bound(self) -> frozenset[str]:
        """Return every name that is given a value somewhere: by `:=`, `=`, `some`, `every`, an import, an argument or an index."""
        return frozenset(name for part in (_assigned, _declared, _imported, _arguments, _indices) for name in part(self.tokens))


def _tokens(text: str) -> Iterator[Token]:
    line, depth, first = 1, 0, True
    for found in _TOKEN.finditer(text):
        kind, word = found.lastgroup or "", found[0]
        if kind == "newline":
            line, first = line + 1, True
        elif kind != "comment":
            depth -= word in (")", "]", "}")
            yield Token(word, kind, line, depth, first)
            depth += word in ("(", "[", "{")
            line, first = line + word.count("\n"), False


def _assigned(tokens: tuple[Token, ...]) -> Iterator[str]:
    for before, token, after in zip(tokens, tokens[1:], (*tokens[2:], START), strict=False):
        if token.text in (":=", "="):
            yield from (side.text for side in (before, after) if side.kind == "name" and (side is before or token.text == "="))
            yield from _inside(tokens, token) if before.text == "]" else ()


def _inside(tokens: tuple[Token, ...], sign: Token) -> Iterator[str]:
    """Yield the names in the list to the left of an assignment: `[a, b] := …`."""
    left = [token for token in tokens[: tokens.index(sign)] if token.line == sign.line and token.depth > sign.depth]
    yield from (token.text for token in left if token.kind == "name")


def _declared(tokens: tuple[Token, ...]) -> Iterator[str]:
    for number, token in enumerate(tokens):
        if token.text in ("some", "every"):
            for word in tokens[number + 1 :]:
                if (word.kind != "name" and word.text != ",") or word.text == "in" or (word.first and word.text != ","):
                    break
                if word.kind == "name":
                    yield word.text


def _over(tokens: tuple[Token, ...]) -> Iterator[str]:
    """Yield the names of `some … in` and `every … in`, which hold a value wherever they stand afterwards."""
    for number, token in enumerate(tokens):
        if token.text in ("some", "every"):
            line = [word.text for word in tokens[number + 1 : number + 5]]
            if "in" in line:
                yield from (name for name in line[: line.index("in")] if name != ",")


def _imported(tokens: tuple[Token, ...]) -> Iterator[str]:
    for before, token in pairwise(tokens):
        if before.text in ("import", "as") and token.kind == "name":
            yield token.text.rpartition(".")[2]


def _arguments(tokens: tuple[Token, ...]) -> Iterator[str]:
    """Yield what stands between the brackets of a function's head: `f(a, b) := …`."""
    head = False
    for before, token in pairwise(tokens):
        head = (before.first and before.depth == 0 and token.text == "(") or (head and token.depth > 0)
        if head and token.kind == "name":
            yield token.text


def _indices(tokens: tuple[Token, ...]) -> Iterator[str]:
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if before.text == "[" and after.text == "]" and token.kind == "name":
            yield token.text
