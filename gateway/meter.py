"""Usage on its way to finops-bot: on disk before anything else, sent in batches, deleted once it was taken."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

BATCH: Final = 500
LARGEST: Final = 4 * 1024 * 1024  # bytes of one file, so that a batch is never a large body
ORPHANED: Final = 120.0  # seconds without a word after which another worker's files are taken over
OPEN, WAITING = ".open", ".ready"


class Meter:
    """Appends events to a file of this worker. What a killed worker left is sent by another.

    A file is sent whole and may be sent twice; each event has a `request_id`, so that this changes nothing.
    """

    def __init__(self, folder: Path, worker: str, wall: Callable[[], float]) -> None:
        self._folder, self._worker, self._wall = folder, worker, wall
        self._lock = threading.Lock()
        self._number = 0
        self._lines = 0
        self._bytes = 0
        self._file: int | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, event: Mapping[str, Any]) -> None:
        """Keep an event; once this returns it outlives the process."""
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            if self._file is None:
                self._number += 1
                self._file = os.open(self._path(OPEN), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(self._file, line)
            self._lines += 1
            self._bytes += len(line)
            if self._lines >= BATCH or self._bytes >= LARGEST:
                self._close()

    def batches(self) -> Iterator[tuple[Path, bytes]]:
        """Yield each file that waits, ours and those nobody else will send, oldest first."""
        with self._lock:
            self._close()
        self._adopt()
        for path in sorted(self._folder.glob(f"{self._worker}-*{WAITING}")):
            with suppress(FileNotFoundError):  # taken over by another worker, for we were silent
                yield path, path.read_bytes()

    def done(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def set_aside(self, path: Path) -> None:
        """Keep a file nobody takes, out of the way of the others."""
        path.rename(path.with_suffix(".refused"))

    @property
    def waiting(self) -> int:
        return sum(1 for path in self._folder.iterdir() if path.suffix in (OPEN, WAITING))

    def _path(self, suffix: str) -> Path:
        return self._folder / f"{self._worker}-{self._number:08}{suffix}"

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            with suppress(FileNotFoundError):
                self._path(OPEN).rename(self._path(WAITING))
            self._file, self._lines, self._bytes = None, 0, 0

    def _adopt(self) -> None:
        """Take over files of workers that fell silent; of two who try, the rename lets one win."""
        for path in self._folder.iterdir():
            if path.suffix in (OPEN, WAITING) and not path.name.startswith(f"{self._worker}-"):
                try:
                    if path.stat().st_mtime < self._wall() - ORPHANED:
                        path.rename(self._folder / f"{self._worker}-{path.stem}{WAITING}")
                except FileNotFoundError:
                    continue
