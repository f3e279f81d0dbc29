"""Objects in a store: what is listed, how a file is brought here whole, and how a delivery of several is told from others."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

from finops.errors import SourceError
from finops.sources.bills import MIB, listed

LOG = logging.getLogger("finops.security")
LARGEST_MANIFEST: Final = 16 * MIB
EVERY: Final = "all"  # the period of a delivery that says nothing of months: it holds whatever is found in it


@dataclass(frozen=True)
class Stored:
    """One object: `key` from the store's root with '/' between; `etag` changes with its content. `md5` where the store tells it."""

    key: str
    size: int
    etag: str
    modified: datetime
    md5: str | None = None

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]


class ObjectStore(Protocol):
    """A place of objects. Raises SourceError when it refuses us, BrokenOffError when the same may work in a moment."""

    root: str  # how messages call it, without a '/' at the end: s3://bucket
    bucket: str | None  # the name its manifests give it; None where it is a copy
    permissions: tuple[str, ...]

    def list(self, prefix: str) -> Iterator[Stored]:
        """Yield all objects whose keys begin with `prefix`, however many, in order of key."""
        ...

    def stream(self, stored: Stored, start: int) -> Iterator[bytes]:
        """Yield the bytes of an object from `start` on; refuses when its content is not the listed one any more."""
        ...

    def path(self, stored: Stored) -> Path | None:
        """Return the file where the object is one on this machine."""
        ...


@dataclass(frozen=True)
class Bundle:
    """The files of one delivery of `period`, in order. `waiting` says why they cannot be taken yet; `format` None: look at them.

    `labels`, where there are any, tell for each file which view of the costs it is; they become part of its name here.
    """

    period: str
    delivered_at: datetime
    what: str
    parts: tuple[Stored, ...]
    format: str | None = None
    rows: int | None = None
    waiting: str | None = None
    labels: tuple[str, ...] = ()

    @cached_property
    def id(self) -> str:
        """Name what would be fetched; one that waits keeps its name while its parts arrive, so that the wait can be timed."""
        content: Any = [[part.key, part.size, part.etag] for part in self.parts]
        if self.waiting:
            content = ["waiting", self.what]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


class RefusedError(Exception):
    """A manifest that names what lies outside its source; somebody should look at it."""


@dataclass(frozen=True)
class Shelf:
    """All objects below the source's location, by key, and how small ones are read."""

    store: ObjectStore
    objects: Mapping[str, Stored]
    read: Callable[[Stored], bytes]
    origin: str | None = None  # the bucket that the manifests name, where this is a copy of it
    export: str | None = None  # only the export of this name

    @property
    def is_copy(self) -> bool:
        return self.store.bucket is None or self.origin is not None

    def address(self, key: str) -> str:
        return f"{self.store.root}/{key}"

    def manifest(self, stored: Stored) -> dict[str, Any] | None:
        """Return a manifest's content; None where it is not yet, or not at all, a JSON object."""
        if stored.size > LARGEST_MANIFEST:
            return None
        try:
            content = json.loads(self.read(stored))
        except (ValueError, RecursionError):
            return None
        return content if isinstance(content, dict) else None


@dataclass(frozen=True)
class Part:
    """What a manifest says of one file: the key it names, and its bytes where it tells them."""

    key: str
    size: int | None = None


def part_of(entry: object, shelf: Shelf, base: str, anchor: str) -> Part:
    """Return what one entry of a manifest names, as a key of the shelf.

    In a copy the part of the key before `anchor` is what it was elsewhere; `base` is what it is here. Raises RefusedError
    for a name that leads anywhere else than into the source's own bucket.
    """
    name, size = _named(entry)
    key = _inside(name, shelf)
    if shelf.is_copy and key not in shelf.objects and anchor in key:
        key = base + anchor + key.rpartition(anchor)[2]
    return Part(key, size)


def _named(entry: object) -> tuple[str, int | None]:
    if isinstance(entry, dict):
        name = next((entry[field] for field in ("blobName", "key", "name", "path", "file") if entry.get(field)), None)
        size = next((entry[field] for field in ("byteCount", "size", "bytes") if isinstance(entry.get(field), int)), None)
        entry = name
        return (entry if isinstance(entry, str) else "", size)
    return (entry if isinstance(entry, str) else "", None)


def _inside(name: str, shelf: Shelf) -> str:
    scheme, separated, rest = name.partition("://")
    key = name
    if separated:
        bucket, _, key = rest.partition("/")
        known = shelf.origin or shelf.store.bucket
        if scheme not in ("s3", "s3a", "s3n") or (known is not None and bucket != known):
            raise RefusedError(f"names {_quoted(name)}, which is not in {shelf.store.root}")
    if not key or key.startswith("/") or any(ord(letter) < 32 or letter == "\\" for letter in key) or ":/" in key:
        raise RefusedError(f"names {_quoted(name)}, which is no file of a bill")
    if any(piece in (".", "..") for piece in key.split("/")):
        raise RefusedError(f"names {_quoted(name)}, which leads out of its folder")
    return key


def _quoted(name: str) -> str:
    shown = name if len(name) <= 200 else name[:197] + "…"
    return f"'{shown.encode('unicode_escape').decode()}'"


def whole(shelf: Shelf, parts: Sequence[Part]) -> tuple[tuple[Stored, ...], str | None]:
    """Return the objects of a delivery, and why it must wait: the first parts that are missing, empty or of another size."""
    found, troubles = [], []
    for part in dict.fromkeys(parts):
        stored = shelf.objects.get(part.key)
        if stored is None:
            troubles.append(f"{part.key} is not there")
        elif stored.size == 0:
            troubles.append(f"{part.key} is empty")
        elif part.size is not None and stored.size != part.size:
            troubles.append(f"{part.key} has {stored.size:,} bytes where its manifest says {part.size:,}")
        if stored is not None:
            found.append(stored)
    return tuple(found), (listed(troubles, most=3) if troubles else None)


def refused(shelf: Shelf, manifest: Stored, reason: RefusedError) -> str:
    """Log what a manifest tried and return the sentence about it."""
    sentence = f"{shelf.address(manifest.key)} {reason}; nothing of it was read. Find out who wrote it before you mend it"
    LOG.warning("refused a manifest: %s", sentence)
    return sentence


def newest(bundles: Iterable[Bundle]) -> list[Bundle]:
    """Return the latest delivery of each period, the oldest period first."""
    best: dict[str, Bundle] = {}
    for bundle in bundles:
        other = best.get(bundle.period)
        if other is None or (bundle.delivered_at, bundle.what) > (other.delivered_at, other.what):
            best[bundle.period] = bundle
    return [best[period] for period in sorted(best)]


def only_one(exports: Iterable[str], shelf: Shelf) -> None:
    """Several exports may hold the same money; who has them must choose."""
    names = sorted(set(exports))
    if shelf.export and not names:
        return
    if len(names) > 1:
        told = ", ".join(f"'{name}'" for name in names[:5]) + (" …" if len(names) > 5 else "")
        raise SourceError(
            f"{shelf.store.root} holds the exports {told}, which may bill the same money; "
            f"choose one with 'export: {names[0].rpartition('/')[2]}', or give each a source of its own"
        )
