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
    problems: list[str] = []
    budgets, rules = (_node(folder / name, problems) for name in (BUDGETS, RULES))
    try:
        book = read(budgets, rules)
    except ConfigError as error:
        problems.extend(error.problems)
    if problems:
        # A file that could not be read as YAML has no other problems yet, so the two keep their order.
        raise ConfigError(sorted(problems, key=lambda problem: problem.startswith(f"{RULES}:")))
    return book


def _node(path: Path, problems: list[str]) -> Node | None:
    if not path.exists():
        return None
    try:
        return load(path)
    except ConfigError as error:
        problems.extend(error.problems)
        return None
