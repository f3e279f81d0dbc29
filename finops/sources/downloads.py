"""Brings objects here whole: several at a time, going on where an earlier try ended, and checked before anybody reads them."""

import hashlib
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from finops.deliveries import Progress
from finops.errors import BillError, SourceError
from finops.sources.bills import MIB, Caps
from finops.sources.objects import ObjectStore, Stored
from finops.sources.retries import Backoff, BrokenOffError, again

AT_ONCE: Final = 4
SPARE: Final = 64 * MIB  # left free on the disk


def bring(
    store: ObjectStore, parts: Sequence[Stored], folder: Path, backoff: Backoff, progress: Progress | None, labels: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Return local files of all parts, in their order, `labels` in their names; those on this machine stay where they are."""
    names = labels or [""] * len(parts)
    targets = [_target(store, folder, number, part, label) for number, (part, label) in enumerate(zip(parts, names, strict=True))]
    fetched = [(part, target) for part, target in zip(parts, targets, strict=True) if store.path(part) is None]
    if fetched:
        folder.mkdir(parents=True, exist_ok=True)
        _room(fetched, folder)
        count = _counted(sum(part.size for part, _ in fetched), folder, progress)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(_fetch, store, part, target, backoff, count) for part, target in fetched]:
                done.result()
    return tuple(_unpacked(path, folder) for path in targets)


def _target(store: ObjectStore, folder: Path, number: int, part: Stored, label: str) -> Path:
    """Name the file so that parts of one name, and older contents of a part, never meet."""
    version = hashlib.sha256(f"{part.key}\0{part.etag}".encode()).hexdigest()[:8]
    here = store.path(part)
    if here is not None and not label:
        return here
    target = folder / "-".join(each for each in (f"{number:05}", label, version, part.name[-120:]) if each)
    if here is not None and not target.is_symlink():
        folder.mkdir(parents=True, exist_ok=True)
        target.symlink_to(here.absolute())
    return target


def _room(fetched: Sequence[tuple[Stored, Path]], folder: Path) -> None:
    needed = sum(part.size for part, target in fetched if not target.exists())
    free = shutil.disk_usage(folder).free
    if needed + SPARE > free:
        raise SourceError(f"{needed / MIB:,.0f} MiB are to be fetched and {free / MIB:,.0f} MiB are free below {folder}; make room")


def _counted(total: int, folder: Path, progress: Progress | None) -> Callable[[int], None]:
    lock, taken = threading.Lock(), 0

    def count(size: int) -> None:
        nonlocal taken
        with lock:
            if taken // SPARE < (taken + size) // SPARE:
                os.utime(folder)  # the sweep takes a folder that nobody touches for a leftover
            taken += size
            if progress:
                progress("fetching", min(taken / (total or 1), 1.0))

    return count


def _fetch(store: ObjectStore, part: Stored, target: Path, backoff: Backoff, count: Callable[[int], None]) -> None:
    if target.exists() and target.stat().st_size == part.size:
        count(part.size)
        return
    partial = target.with_name(target.name + ".part")
    reached = partial.stat().st_size if partial.exists() else 0
    count(reached)

    def further() -> bool:
        nonlocal reached
        before, reached = reached, partial.stat().st_size if partial.exists() else 0
        return reached > before

    try:
        again(lambda: _append(store, part, partial, count), backoff, went_on=further)
    except BrokenOffError as error:
        raise SourceError(f"{store.root}/{part.key} breaks off again and again ({error}); it goes on there the next time") from error
    _check(store, part, partial)
    partial.replace(target)


def _append(store: ObjectStore, part: Stored, partial: Path, count: Callable[[int], None]) -> None:
    with partial.open("ab") as file:
        if file.tell() >= part.size:
            return
        for chunk in store.stream(part, file.tell()):
            file.write(chunk)
            count(len(chunk))
    if partial.stat().st_size < part.size:
        raise BrokenOffError(f"{partial.stat().st_size:,} of {part.size:,} bytes came")


def _check(store: ObjectStore, part: Stored, partial: Path) -> None:
    """What arrived must be what was listed; anything else is thrown away, so that the next try begins anew."""
    trouble = None
    if partial.stat().st_size != part.size:
        trouble = f"{partial.stat().st_size:,} bytes came where {part.size:,} are listed"
    elif part.md5 and _md5(partial) != part.md5:
        trouble = "its bytes are not those of its checksum"
    if trouble:
        partial.unlink()
        raise SourceError(f"{store.root}/{part.key} was damaged on its way: {trouble}; it is fetched anew the next time")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unpacked(path: Path, folder: Path, caps: Caps = Caps()) -> Path:  # noqa: B008 - frozen
    """Return the one CSV in a zip, which is how legacy reports may be packed; any other file as it is."""
    if path.suffix.lower() != ".zip":
        return path
    target = folder / (path.stem if path.stem.lower().endswith(".csv") else f"{path.stem}.csv")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(path) as packed:
            inside = [each for each in packed.infolist() if not each.is_dir()]
            if len(inside) != 1 or not inside[0].filename.lower().endswith(".csv"):
                raise BillError(f"{path.name} holds {len(inside)} files where one CSV is expected; unpack it and deliver the bill itself.")
            if inside[0].file_size > min(caps.bytes, max(caps.ratio * path.stat().st_size, caps.ratio_from)):
                raise BillError(f"{path.name} unpacks to {inside[0].file_size:,} bytes, far more than a bill does; nothing was read.")
            with packed.open(inside[0]) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file, MIB)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BillError(f"{path.name} is damaged or locked inside; export or fetch it again.") from error
    return target
