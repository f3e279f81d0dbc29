"""Loading one AWS bill: ours against a bare DuckDB copy and against pandas, each in a fresh process; time and peak memory."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.made_bills import made_bill
from benchmarks.measuring import MIB, Timing, commands_in_turn
from benchmarks.tables import Goal, heading, ms, table, times

OURS, BARE, PANDAS = "stage and publish", "bare COPY", "pandas"
TASKS: Final = {OURS: "load-ours", BARE: "load-bare", PANDAS: "load-pandas"}  # tasks of benchmarks.once
HEAD: Final = ("who", "rows/s", "median ms", "best ms", "CPU ms", "peak MiB", "speed of ours / this", "by CPU")
COPY_LEAST, PANDAS_LEAST, MEMORY_MOST = 0.6, 1.5, 1024


def run(data: Path, rows: int, packed_rows: int, rounds: int) -> list[Goal]:
    """Load a Parquet bill of `rows` and a .csv.gz of `packed_rows`; print both and return the goals."""
    parquet = made_bill(data, rows, ".parquet")
    heading(f"Loading {rows:,} rows of CUR 2.0 as Parquet: {rounds} rounds in turn, fresh processes, start-up included")
    timings = _measure(parquet, rounds)
    table(HEAD, [_line(name, rows, timings) for name in timings])
    packed = made_bill(data, packed_rows, ".csv.gz")
    heading(f"Loading {packed_rows:,} rows of CUR 2.0 as .csv.gz: once each, fresh processes")
    once = _measure(packed, 1, warm_up=0)
    table(HEAD, [_line(name, packed_rows, once) for name in once])
    return [
        Goal("Parquet: rows/s of ours / bare COPY", timings[BARE].over(timings[OURS]), COPY_LEAST, "×", at_least=True),
        Goal("Parquet: rows/s of ours / pandas", timings[PANDAS].over(timings[OURS]), PANDAS_LEAST, "×", at_least=True),
        Goal("Parquet: peak memory", timings[OURS].peak / MIB, MEMORY_MOST, " MiB"),
        Goal(".csv.gz: peak memory", once[OURS].peak / MIB, MEMORY_MOST, " MiB"),
    ]


def _measure(bill: Path, rounds: int, *, warm_up: int = 1) -> dict[str, Timing]:
    with tempfile.TemporaryDirectory(dir=bill.parent) as folder:
        commands = {who: [sys.executable, "-m", "benchmarks.once", task, str(bill), str(Path(folder, task))] for who, task in TASKS.items()}
        return commands_in_turn(commands, rounds, warm_up=warm_up)


def _line(name: str, rows: int, timings: Mapping[str, Timing]) -> tuple[str, ...]:
    timing, ours = timings[name], timings[OURS]
    ratios = ("", "") if name == OURS else (times(timing.over(ours)), times(timing.cpu_over(ours)))
    figures = (f"{rows / timing.median:,.0f}", ms(timing.median), ms(timing.best), ms(timing.cpu), f"{timing.peak / MIB:.0f}")
    return (name, *figures, *ratios)
