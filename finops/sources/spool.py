"""Where usage events wait on disk until the ledger has them: many requests share one fsync, and none is told yes before it."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Final

from finops.errors import SourceError

MIB: Final = 1024 * 1024
OPEN, READY, MADE, ASIDE = ".open", ".jsonl", ".made", "aside"
MEASURE_EVERY: Final = 0.5  # seconds between looks at the folder, which other processes fill and empty too


class SpoolFullError(SourceError):
    """No room for more events now; `retry_after` seconds later there may be."""

    def __init__(self, why: str, retry_after: int) -> None:
        super().__init__(f"{why}; nothing of this request was taken, send it again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True)
class Limits:
    """How much may wait: `pending` in memory for the next write, `most` on disk in all, `free` left over for everybody else."""

    most: int = 512 * MIB
    free: int = 256 * MIB
    pending: int = 128 * MIB
    segment: int = 16 * MIB
    seconds: float = 1.0  # after which a segment is closed however small, so that it can be published


@dataclass(frozen=True)
class Waiting:
    """What stands in a spool: closed and open segments, those set aside, and when the oldest was last written (Unix time)."""

    bytes: int
    segments: int
    aside: int
    oldest: float | None


class SpoolWriter:
    """Appends lines to segments of its own; `name` must differ from every other writer's. One thread writes for all callers."""

    def __init__(
        self,
        folder: Path,
        name: str,
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        self.folder, self._name, self._limits = folder, name, limits or Limits()
        self._clock, self._sync = clock, sync
        self._changed = threading.Condition()
        self._pending: list[tuple[bytes, Future[None]]] = []
        self._pending_bytes = 0
        self._closing = False
        self._segment: _Open | None = None
        self._number = 0
        self._measured: tuple[float, int, int] | None = None  # when, bytes waiting, bytes free
        folder.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def put(self, lines: bytes) -> "Future[None]":
        """Take whole lines; the future is done once they are on disk. Raises SpoolFullError when there is no room for them."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # a caller who hangs up must not stop the one thread that writes
        with self._changed:
            self._refuse_if_full(len(lines))
            self._pending.append((lines, done))
            self._pending_bytes += len(lines)
            self._changed.notify()
        return done

    def append(self, lines: bytes) -> None:
        """Return once the lines are on disk. Raises SpoolFullError."""
        self.put(lines).result()

    def close(self) -> None:
        """Write what was taken in, close the segment and stop."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _refuse_if_full(self, more: int) -> None:
        if self._closing:
            raise SpoolFullError("the server is stopping", 5)
        if self._pending_bytes + more > max(self._limits.pending, more):
            raise SpoolFullError("more arrives than the disk takes", 1)
        waiting, free = self._room()
        if waiting + self._pending_bytes + more > self._limits.most:
            raise SpoolFullError(f"{waiting // MIB} MiB of events already wait for the ledger", 2)
        if free - self._pending_bytes - more < self._limits.free:
            raise SpoolFullError(f"the disk below the spool has {free // MIB} MiB left", 30)

    def _room(self) -> tuple[int, int]:
        now = self._clock()
        if self._measured is None or now - self._measured[0] >= MEASURE_EVERY:
            self._measured = (now, waiting(self.folder).bytes, shutil.disk_usage(self.folder).free)
        return self._measured[1], self._measured[2]

    def _run(self) -> None:
        while True:
            batch, stopping = self._take()
            if batch:
                self._commit(batch)
            if self._segment and (stopping or self._is_due(self._segment)):
                self._finish(self._segment)
            if stopping and not batch:
                return

    def _take(self) -> tuple[list[tuple[bytes, "Future[None]"]], bool]:
        """Wait for lines, for the segment's time to be up, or for the end; return all lines that have gathered."""
        with self._changed:
            if not self._pending and not self._closing:
                self._changed.wait(self._left(self._segment) if self._segment else None)
            batch, self._pending = self._pending, []
            return batch, self._closing

    def _left(self, segment: "_Open") -> float:
        return max(0.0, segment.began + self._limits.seconds - self._clock())

    def _is_due(self, segment: "_Open") -> bool:
        return segment.size >= self._limits.segment or self._left(segment) <= 0

    def _commit(self, batch: list[tuple[bytes, "Future[None]"]]) -> None:
        data = batch[0][0] if len(batch) == 1 else b"".join(lines for lines, _ in batch)
        problem = self._write(data)
        with self._changed:
            self._pending_bytes -= len(data)
            if self._measured and problem is None:
                when, before, free = self._measured
                self._measured = (when, before + len(data), free - len(data))
        for _, done in batch:
            if problem is None:
                done.set_result(None)
            else:
                done.set_exception(SpoolFullError(f"the spool cannot be written ({problem.strerror or problem})", 5))

    def _write(self, data: bytes) -> OSError | None:
        """Write and sync; after a failure nothing more goes to that segment, which keeps only what was synced before."""
        try:
            if self._segment is None:
                self._number += 1
                self._segment = _Open(self.folder, f"{self._name}-{self._number:08}", self._clock())
            self._segment.write(data, self._sync)
        except OSError as problem:
            if self._segment:
                self._segment.forget_unsynced()
                self._finish(self._segment)
            return problem
        return None

    def _finish(self, segment: "_Open") -> None:
        self._segment = None
        try:
            segment.close()
        except OSError:
            return  # it stays open by name, and whoever drains next takes it over


class _Open:
    """The segment being written. Its lock tells others that the writer lives: the system drops it with the process."""

    def __init__(self, folder: Path, name: str, began: float) -> None:
        self.began, self.size = began, 0
        self._folder, self._path = folder, folder / f"{name}{OPEN}"
        made = folder / f"{name}{MADE}"
        self._file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        flock(self._file, LOCK_EX | LOCK_NB)  # before it bears the name that others look for
        made.rename(self._path)
        sync_folder(folder)

    def write(self, data: bytes, sync: Callable[[int], None]) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]
        sync(self._file)
        self.size += len(data)

    def forget_unsynced(self) -> None:
        try:
            os.ftruncate(self._file, self.size)
        except OSError:
            return  # what was not acknowledged may still be published: sent again, it changes nothing

    def close(self) -> None:
        try:
            if self.size:
                self._path.rename(self._path.with_suffix(READY))
            else:
                self._path.unlink()
        finally:
            os.close(self._file)


def waiting(folder: Path) -> Waiting:
    """Measure what waits, whoever wrote it."""
    sizes, oldest = [], None
    for path in (*folder.glob(f"*{READY}"), *folder.glob(f"*{OPEN}")):
        try:
            found = path.stat()
        except FileNotFoundError:  # published meanwhile
            continue
        sizes.append(found.st_size)
        oldest = found.st_mtime if oldest is None else min(oldest, found.st_mtime)
    return Waiting(sum(sizes), len(sizes), len(list((folder / ASIDE).glob("*"))), oldest)


def sync_folder(folder: Path) -> None:
    """Make names in a folder last: a file's own fsync does not."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
