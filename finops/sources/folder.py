"""A folder of this machine as an object store: exports that were copied or mounted here, manifests and all."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from finops.errors import SourceError
from finops.sources.bills import MIB
from finops.sources.objects import Stored
from finops.sources.retries import BrokenOffError

MOST_FILES: Final = 200_000


class Folder:
    """The files below a folder; links that lead out of it are not followed. A file counts as a folder of one."""

    bucket: str | None = None
    permissions: tuple[str, ...] = ("read access to the folder",)

    def __init__(self, place: Path) -> None:
        self._only = place.name if place.is_file() else None
        self._folder = place.parent if self._only else place
        self.root = str(self._folder)

    def list(self, prefix: str) -> Iterator[Stored]:
        if not self._folder.is_dir():
            raise SourceError(f"there is no folder {self._folder}; check the spelling, and whether it is mounted")
        try:
            keys = [self._only] if self._only else sorted(self._keys())
            for key in keys:
                if key.startswith(prefix):
                    yield self._stored(key)
        except FileNotFoundError as error:
            raise BrokenOffError(f"{error.filename} went away while the folder was listed") from error
        except OSError as error:
            raise SourceError(f"{self._folder} cannot be read: {error.strerror or error}") from error

    def stream(self, stored: Stored, start: int) -> Iterator[bytes]:
        path = self.path(stored)
        try:
            with path.open("rb") as file:
                file.seek(start)
                while chunk := file.read(MIB):
                    yield chunk
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error

    def path(self, stored: Stored) -> Path:
        return self._folder / stored.key

    def _keys(self) -> Iterator[str]:
        root, count = self._folder.resolve(), 0
        for where, folders, names in os.walk(self._folder, onerror=_fail):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(where, name)
                if name.startswith(".") or not path.resolve().is_relative_to(root) or not path.is_file():
                    continue
                count += 1
                if count > MOST_FILES:
                    raise SourceError(f"{self._folder} holds more than {MOST_FILES:,} files; name the export's own folder")
                yield path.relative_to(self._folder).as_posix()

    def _stored(self, key: str) -> Stored:
        facts = (self._folder / key).stat()
        return Stored(key, facts.st_size, str(facts.st_mtime_ns), datetime.fromtimestamp(facts.st_mtime, UTC))


def _fail(error: OSError) -> None:
    raise error
