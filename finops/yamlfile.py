"""Reads YAML that people write and nobody trusts: every value keeps its line, and nothing is executed, repeated or guessed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from finops.configuration.problems import Problems, shown
from finops.configuration.yamlscalars import Scalar, meaning, unusable
from finops.configuration.yamlsyntax import ALIAS, TAG, explain
from finops.errors import ConfigError

MOST_BYTES: Final = 1_000_000
MOST_DEEP: Final = 40
MOST_NODES: Final = 50_000


@dataclass(frozen=True)
class Node:
    """A value and where it stands. `text` is a scalar as written, so that an account number keeps its zeros; empty for the others."""

    value: "Scalar | tuple[Node, ...] | Table"
    line: int
    file: str
    text: str = ""


@dataclass(frozen=True)
class Entry:
    """One field: the node of its name, which is always text, and the node of its value."""

    key: Node
    value: Node

    @property
    def name(self) -> str:
        return self.key.text


@dataclass(frozen=True)
class Table:
    """Fields in the order they are written, no name twice."""

    entries: tuple[Entry, ...]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def get(self, name: str) -> Node | None:
        return next((entry.value for entry in self.entries if entry.name == name), None)


Plain = Scalar | list["Plain"] | dict[str, "Plain"]


def load(path: Path) -> Node:
    """Read one file; raises ConfigError with every problem as `file:line: sentence`."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"{path.name}:1: the file cannot be read: {error.strerror or error}"]) from None
    try:
        return parse(content.decode("utf-8"), path.name)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path.name}:{line}: this line is not UTF-8; save the file in that encoding"]) from None


def parse(text: str, name: str) -> Node:
    """Read YAML text of the file called `name`; an empty one is a node without a value."""
    problems = Problems()
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        problems.note(name, 1, f"the file is larger than {MOST_BYTES // 1_000_000} MB; keep configuration apart from data")
        problems.raise_any()
    composer = _Composer(name, problems)
    _compose(text.removeprefix("\ufeff"), composer)
    problems.raise_any()
    return composer.root or Node(None, 1, name)


def plain(node: Node) -> Plain:
    """Return the bare values, without lines, for what only needs to be kept or compared."""
    if isinstance(node.value, tuple):
        return [plain(item) for item in node.value]
    if isinstance(node.value, Table):
        return {entry.name: plain(entry.value) for entry in node.value}
    return node.value


class _TooMuchError(Exception):
    """A cap was passed; what follows is not looked at."""


def _compose(text: str, composer: "_Composer") -> None:
    """Feed the scanner's events one by one, so that a cap stops the scanner too."""
    import yaml

    loader = None
    try:
        loader = yaml.SafeLoader(text)
        while loader.check_event():
            composer.take(loader.get_event())  # type: ignore[no-untyped-call]
    except yaml.YAMLError as error:
        composer.note(*explain(error, text))
    except (ValueError, OverflowError):  # an escape such as \U99999999, which no character has
        composer.note(loader.line + 1 if loader else 1, "an escape in double quotes names no character; write the character itself")
    except _TooMuchError:
        pass
    finally:
        if loader:
            loader.dispose()


@dataclass
class _Open:
    """A list or table whose end has not come; `key` waits for its value."""

    line: int
    is_table: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    key: Node | None = None


class _Composer:
    """Builds nodes from parser events with a stack of its own, so that depth costs no recursion."""

    def __init__(self, name: str, problems: Problems) -> None:
        self.name = name
        self.problems = problems
        self.root: Node | None = None
        self._open: list[_Open] = []
        self._count = 0

    def take(self, event: Any) -> None:
        if handler := HANDLERS.get(type(event).__name__):
            handler(self, event)

    def note(self, line: int, sentence: str) -> None:
        self.problems.note(self.name, line, sentence)

    def document(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if event.version or event.tags:
            self.note(line, "lines that begin with '%' are not read; remove them")
        if self.root:
            self.note(line, "a second document begins here; keep one document in a file")
            raise _TooMuchError

    def alias(self, event: Any) -> None:
        self.note(event.start_mark.line + 1, ALIAS)
        self._put(Node(None, event.start_mark.line + 1, self.name))

    def scalar(self, event: Any) -> None:
        line = self._begin(event)
        is_key = bool(self._open and self._open[-1].is_table and self._open[-1].key is None)
        value: Scalar = event.value
        if bad := unusable(event.value):
            self.note(line, f"the character {bad} cannot stand in a text; remove it")
        if event.style is None and not is_key and event.tag is None:
            value = self._meaning(event.value, line)
        self._put(Node(value, line, self.name, event.value))

    def start(self, event: Any) -> None:
        line = self._begin(event)
        if len(self._open) >= MOST_DEEP:
            self.note(line, f"this is nested more than {MOST_DEEP} levels deep; make it flatter")
            raise _TooMuchError
        self._open.append(_Open(line, is_table=type(event).__name__ == "MappingStartEvent"))

    def end(self, _event: Any) -> None:
        done = self._open.pop()
        self._put(Node(Table(tuple(done.entries.values())) if done.is_table else tuple(done.items), done.line, self.name))

    def _begin(self, event: Any) -> int:
        """Count a value, refuse its anchor and tag, and return its line."""
        line: int = event.start_mark.line + 1
        self._count += 1
        if self._count > MOST_NODES:
            self.note(line, f"the file holds more than {MOST_NODES:,} values; keep configuration apart from data")
            raise _TooMuchError
        if event.anchor is not None:
            self.note(line, ALIAS)
        if event.tag is not None:
            self.note(line, TAG)
        return line

    def _meaning(self, word: str, line: int) -> Scalar:
        try:
            return meaning(word)
        except ValueError as error:
            self.note(line, str(error))
            return word

    def _put(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if not parent.is_table:
            parent.items.append(node)
        elif parent.key is None:
            parent.key = self._key(node)
        else:
            self._add(parent, parent.key, node)
            parent.key = None

    def _key(self, node: Node) -> Node:
        if isinstance(node.value, tuple | Table):
            self.note(node.line, "a field's name must be a word, not a list or a group of fields")
        elif not node.text:
            self.note(node.line, "a field has no name; write one before the ':'")
        elif node.text == "<<":
            self.note(node.line, "merging with '<<' is not read; write the fields out")
        return node

    def _add(self, parent: _Open, key: Node, value: Node) -> None:
        if (earlier := parent.entries.get(key.text)) and key.text:
            self.note(key.line, f"{shown(key.text)} stands here twice, first on line {earlier.key.line}; keep one of them")
        parent.entries.setdefault(key.text, Entry(key, value))


HANDLERS: Final[dict[str, Callable[["_Composer", Any], None]]] = {
    "DocumentStartEvent": _Composer.document,
    "AliasEvent": _Composer.alias,
    "ScalarEvent": _Composer.scalar,
    "SequenceStartEvent": _Composer.start,
    "MappingStartEvent": _Composer.start,
    "SequenceEndEvent": _Composer.end,
    "MappingEndEvent": _Composer.end,
}
