"""Reads the configuration folder: the edge between files and what is made of them."""

from pathlib import Path
from typing import Final

from finops.errors import ConfigError
from finops.rulebook import Rulebook, read
from finops.yamlfile import Node, load

BUDGETS: Final = "budgets.yaml"
RULES: Final = "rules.yaml"


def load_rulebook(folder: Path) -> Rulebook:
    """Read budgets.yaml and rules.yaml, either of which may be missing; raises ConfigError with every problem of both."""
    (budgets, before), (rules, after) = _node(folder / BUDGETS), _node(folder / RULES)
    book, between = _rulebook(budgets, rules, whole=not (before or after))
    if book is None or before or after:
        raise ConfigError([*before, *between, *after])
    return book


def _rulebook(budgets: Node | None, rules: Node | None, *, whole: bool) -> tuple[Rulebook | None, tuple[str, ...]]:
    try:
        return read(budgets, rules, whole=whole), ()
    except ConfigError as error:
        return None, error.problems


def _node(path: Path) -> tuple[Node | None, tuple[str, ...]]:
    """Return a file's content and its problems; one that is not there has neither."""
    try:
        path.lstat()
        return load(path), ()
    except FileNotFoundError:
        return None, ()
    except ConfigError as error:
        return None, error.problems
    except OSError as error:
        return None, (f"{path.name}:1: the file cannot be read: {error.strerror or error}",)
