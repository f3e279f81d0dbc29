"""Prints what was measured: the machine's shape, tables, and which goals are met."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True)
class Goal:
    """One promise about a measured figure: at most `limit`, or at least where `at_least`."""

    about: str
    measured: float
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{'met   ' if self.met else 'MISSED'}  {self.about}: {self.measured:.3g}{self.unit} ({sign} {self.limit:g}{self.unit})"


def machine() -> str:
    """Return the shape of this machine, how busy it is, and the versions that matter; no names."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    libraries = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pandas", "pyarrow"))
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f} "
        f"(above {os.cpu_count()} other work disturbs wall times); Python {platform.python_version()}, {libraries}"
    )


def heading(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their columns, the first column to the left, figures to the right."""
    widths = [max(len(row[number]) for row in (columns, *rows)) for number in range(len(columns))]
    for row in (columns, *rows):
        cells = [
            cell.ljust(width) if number == 0 else cell.rjust(width) for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    print(flush=True)


def judge(goals: Sequence[Goal]) -> None:
    for goal in goals:
        print(goal, flush=True)


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


def times(ratio: float) -> str:
    return f"{ratio:.2f}×"
