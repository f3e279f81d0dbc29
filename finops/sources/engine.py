"""DuckDB as we run it over bills: bounded memory, a scratch folder, progress, and a deadline."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from finops.deliveries import Progress
from finops.sources.bills import MIB, Caps
from finops.sources.casts import literal
from finops.sources.deadline import Deadline

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LOOK: Final = 0.2  # seconds between two looks at the progress


@contextmanager
def engine(scratch: Path, caps: Caps) -> Iterator["DuckDBPyConnection"]:
    """Open an in-memory DuckDB that spills to `scratch` and can reach neither the network nor extensions."""
    import duckdb

    con = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    try:
        threads = con.execute("SELECT current_setting('threads')").fetchone()
        settings = {
            "memory_limit": f"{caps.memory // MIB}MiB",
            "temp_directory": str(scratch),
            "threads": str(min(caps.threads, int(threads[0]) if threads else 1)),
            "TimeZone": "UTC",
            "preserve_insertion_order": "false",
            "partitioned_write_flush_threshold": "61440",
            # Pushed down, a test on the verdict would repeat every expression it rests on, many times over;
            # and as joins, our lists of words would take memory enough to make it spill.
            "disabled_optimizers": "filter_pushdown,in_clause",
            "enable_progress_bar": "true",
            "enable_progress_bar_print": "false",
        }
        for name, value in settings.items():
            con.execute(f"SET {name} = {literal(value)}")
        yield con
    finally:
        con.close()


def run(con: "DuckDBPyConnection", sql: str, deadline: Deadline, seen: Callable[[float], None] | None = None) -> list[tuple[object, ...]]:
    """Run a statement; `seen` hears the share done (0–1), and the statement is broken off at the deadline."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK):
            if deadline.passed:
                con.interrupt()
            elif seen and (share := con.query_progress()) >= 0:
                seen(min(share / 100, 1.0))

    watcher = threading.Thread(target=watch, name="bill-progress", daemon=True)
    watcher.start()
    try:
        rows: list[tuple[object, ...]] = con.execute(sql).fetchall()
        return rows
    finally:
        done.set()
        watcher.join()


def part_of(progress: Progress | None, what: str, before: float, share: float) -> Callable[[float], None]:
    """Return a listener that reports one step's progress as its part of the whole."""
    return lambda done: progress(what, before + share * done) if progress else None
