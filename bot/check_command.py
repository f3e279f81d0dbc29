"""`finops-bot check`: every problem of the configuration at once, and with `--online` of what it points at."""

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finops.errors import ConfigError

if TYPE_CHECKING:
    from bot.assemble import Tools
    from finops.rulebook import Rulebook


@dataclass(frozen=True)
class Found:
    """What is wrong in `folder`, what is allowed but perhaps not meant, and what was asked besides the files."""

    folder: Path
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    asked: tuple[str, ...]

    @property
    def document(self) -> dict[str, Any]:
        return {"ok": not self.problems, "problems": list(self.problems), "checked": list(self.asked), "notes": list(self.notes)}


def check_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--online` and `--schema`."""
    parser.add_argument("--online", action="store_true", help="also try Slack, the databases and every source")
    parser.add_argument("--schema", choices=("budgets", "rules"), help="print the JSON Schema of a file, for editors, and check nothing")


def look(options: argparse.Namespace, tools: "Callable[[], AbstractContextManager[Tools]]") -> Found:
    """Read settings and files, and where these are right and `--online` is asked for, try what they name."""
    from bot.assemble import environment
    from finops.config_files import load_rulebook
    from finops.settings import config_folder, read

    folder = config_folder(environment(), options.config)
    problems: list[str] = []
    notes: list[str] = []
    asked: list[str] = []

    def book() -> None:
        found = load_rulebook(folder)
        notes.extend(_remarks(found))
        problems.extend(_countries(found))

    for part in (lambda: read(environment(), folder), book):
        try:
            part()
        except ConfigError as found:
            problems += found.problems
    if options.online and not problems:
        from bot.online import checked, problems_online, remarks

        with tools() as opened:
            problems += problems_online(opened)
            asked += checked(opened)
            notes += remarks(opened)
    return Found(folder, tuple(problems), tuple(notes), tuple(asked))


def _remarks(book: "Rulebook") -> list[str]:
    """What is allowed but perhaps not meant, and rules that wait for something finops-bot cannot find yet."""
    from finops.guard.conditions import unavailable

    return [*book.warnings, *unavailable(book.rules)]


def _countries(book: "Rulebook") -> list[str]:
    if not book.calendar.countries:
        return []
    from finops.insight.planned import unknown_countries  # arrays and calendars: only where a country is named

    return unknown_countries(book.calendar)
