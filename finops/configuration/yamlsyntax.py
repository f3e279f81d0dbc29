"""Says in our words what the YAML scanner could not read."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from yaml import YAMLError

ALIAS: Final = "anchors and aliases ('&', '*') are not read; write the value out, or put quotes around one that begins with '*'"
TAG: Final = "tags ('!…') are not read; write the plain value, or put quotes around it when it begins with '!'"
OTHER: Final = "this cannot be read as YAML; check the indentation, the quotes and the brackets"

# What the scanner was doing or missed → what we say; the first entry whose words occur wins.
# `{start}` is the line where the unfinished thing began; True tells the problem on that line.
SENTENCES: Final[tuple[tuple[str, str, bool], ...]] = (
    (r"'\t'", "a tab cannot stand here; indent with spaces", False),
    ("scanning an alias", ALIAS, False),
    ("scanning an anchor", ALIAS, False),
    ("found undefined tag handle", TAG, False),
    ("a tag", TAG, False),
    ("a directive", "lines that begin with '%' are not read; remove it", False),
    ("cannot start any token", "a value cannot begin with '@', '`' or '%'; put quotes around it", False),
    ("mapping values are not allowed", "a ':' with a space cannot stand here; put quotes around the text, or check the indentation", False),
    ("sequence entries are not allowed", "a '- ' cannot stand here; begin the list on a line of its own", False),
    ("could not find expected ':'", "a field is written 'name: value'; here the ':' is missing", True),
    ("unexpected end of stream", "the quote that opens here is never closed", True),
    ("unexpected document separator", "the quote that opens here is never closed", True),
    ("escape", "after '\\' in double quotes only known letters may stand; use single quotes to keep it as it is", False),
    ("expected ',' or ']'", "a ',' or ']' is missing in the list that begins on line {start}", False),
    ("expected ',' or '}'", "a ',' or '}}' is missing in the group that begins on line {start}", False),
    (
        "expected <block end>",
        "this does not line up with what began on line {start}; check the indentation and the quotes",
        False,
    ),
    ("but found '<stream end>'", "the file ends before a bracket is closed", False),
    ("expected the node content", "a value is missing here", False),
    ("expected '<document start>'", "this does not belong to what stands before it; check the indentation and the brackets", False),
    ("a block scalar", "after '|' or '>' the text begins on the next line", False),
)


def explain(error: "YAMLError", text: str) -> tuple[int, str]:
    """Return the line to look at and a sentence about it."""
    if (position := getattr(error, "position", None)) is not None:
        return text.count("\n", 0, position) + 1, f"the character U+{ord(text[position]):04X} cannot stand in a text file; remove it"
    at, start = (_line(error, "problem_mark", text), _line(error, "context_mark", text))
    said = f"{getattr(error, 'context', '')} {getattr(error, 'problem', '')}"
    for words, sentence, at_start in SENTENCES:
        if words in said:
            return (start if at_start else at), sentence.format(start=start)
    return at, OTHER


def _line(error: "YAMLError", mark: str, text: str) -> int:
    """Return a line that exists: what ends too early ends after the last one."""
    found = getattr(error, mark, None) or getattr(error, "problem_mark", None)
    return min(found.line + 1 if found else 1, len(text.splitlines()) or 1)
