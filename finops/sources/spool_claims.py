"""Taking closed segments off the spool: a lock says who publishes one, and dies with its holder."""

import os
import re
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Final

from finops.sources.spool import ASIDE, OPEN, READY, sync_folder

TRIED: Final = re.compile(rf"(.*?)(?:\.try([0-9]+))?{re.escape(READY)}", re.DOTALL)


class Segment:
    """A file of events that nobody else publishes until it is let go of; `tries` counts how often it could not be."""

    def __init__(self, path: Path, file: int) -> None:
        self.path, self._file = path, file
        self.bytes = os.fstat(file).st_size
        found = TRIED.fullmatch(path.name)
        self.name, self.tries = (found[1], int(found[2] or 0)) if found else (path.stem, 0)

    def done(self) -> None:
        """The ledger has it."""
        self.path.unlink()
        self.release()

    def release(self) -> None:
        """Leave it for the next round; safe to repeat."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def failed(self) -> None:
        """Leave it for another round and remember in its name that this one failed."""
        self.path.rename(self.path.with_name(f"{self.name}.try{self.tries + 1}{READY}"))
        self.release()

    def set_aside(self) -> Path:
        """Put it where nobody publishes it, and return where; moved back, it is tried again."""
        folder = self.path.parent / ASIDE
        folder.mkdir(exist_ok=True)
        place = self.path.rename(folder / f"{self.name}{READY}")
        sync_folder(folder)
        self.release()
        return place


def claim(folder: Path, most: int) -> list[Segment]:
    """Take closed segments, oldest first, up to `most` bytes but at least one; those that somebody else holds are passed over."""
    take_over(folder)
    taken: list[Segment] = []
    size = 0
    for path in sorted(folder.glob(f"*{READY}"), key=_age):
        if taken and size >= most:
            break
        file = _locked(path)
        if file is not None:
            taken.append(Segment(path, file))
            size += taken[-1].bytes
    return taken


def take_over(folder: Path) -> list[Path]:
    """Close segments whose writer is gone; return those closed. What it did not finish writing was never acknowledged."""
    closed = []
    for path in folder.glob(f"*{OPEN}"):
        file = _locked(path)
        if file is None:
            continue
        try:
            if _close(path, file):
                closed.append(path.with_suffix(READY))
        finally:
            os.close(file)
    return closed


def _close(path: Path, file: int) -> bool:
    """Rename a segment without its torn lines; a power cut may leave holes of zeros besides half a line."""
    with os.fdopen(os.dup(file), "rb") as stream:
        found = stream.read()
    whole = b"".join(
        line for line in found.splitlines(keepends=True) if line.startswith(b"{") and line.endswith(b"}\n") and b"\0" not in line
    )
    if not whole:
        path.unlink(missing_ok=True)
        return False
    if whole == found:
        path.rename(path.with_suffix(READY))
    else:
        _replace(path, whole)
    return True


def _replace(path: Path, whole: bytes) -> None:
    """Write the lines anew beside the torn file, so that a crash here loses none; published twice, they count once."""
    mended = path.with_suffix(".mended")
    with mended.open("wb") as stream:
        stream.write(whole)
        stream.flush()
        os.fsync(stream.fileno())
    mended.rename(path.with_suffix(READY))
    sync_folder(path.parent)
    path.unlink()


def _locked(path: Path) -> int | None:
    """Open and lock a file; None when it is held, or was published between the look and the lock."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        flock(file, LOCK_EX | LOCK_NB)
        if os.path.samestat(os.fstat(file), path.stat()):
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(file)
    return None


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, path.name
    except FileNotFoundError:
        return 0.0, path.name
