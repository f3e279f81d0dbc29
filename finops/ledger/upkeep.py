"""Keeps the ledger's folder in order: files derived anew when owners change, leftovers swept away."""

import hashlib
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import Select, delete, func, insert, select, update

from finops.charges import COLUMNS
from finops.ledger import catalog, rollup, splits
from finops.ledger.catalog import LiveFile
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger
from finops.ledger.loads import record, slug
from finops.ledger.manifest import read_manifest
from finops.ledger.requests import forget_requests
from finops.ledger.state import writing
from finops.ledger.tables import files, live, loads

GRACE = timedelta(hours=1)  # longer than the longest question or load
KEPT = 5  # earlier deliveries of a period whose rows stay readable


@dataclass(frozen=True)
class Derived:
    """A live file written anew under the present owners and time zone."""

    old: LiveFile
    path: str
    sha256: str
    bytes: int
    first_day: date
    last_day: date


def align(ledger: Ledger, now: datetime, actor: str) -> int:
    """Derive anew every live file whose owners or time zone are not the configured ones; return how many.

    All files change in one transaction, so that no question sees two ways of owning. A file that another process
    replaced meanwhile is left to that process.
    """
    wanted = ledger.terms.derived_digest
    with ledger.engine.connect() as connection:
        stale = [file for file in catalog.live_files(connection) if file.derived != wanted]
    if not stale:
        return 0
    fresh = [_derive(ledger, file) for file in stale]
    with writing(ledger.engine) as tx:
        done = 0
        for one in fresh:
            free = (files.c.path == one.old.path, files.c.retired_at.is_(None))
            if one.path == one.old.path:
                done += tx.execute(update(files).where(*free).values(derived=wanted)).rowcount
            elif tx.execute(update(files).where(*free).values(retired_at=now)).rowcount:
                done += 1
                tx.execute(delete(files).where(files.c.path == one.path))
                named = {"path": one.path, "sha256": one.sha256, "bytes": one.bytes, "derived": wanted}
                tx.execute(insert(files).values(load_id=one.old.load_id, rows=one.old.rows, **named))
                days = {"first_day": one.first_day, "last_day": one.last_day}
                tx.execute(update(loads).where(loads.c.id == one.old.load_id).values(**days))
        record(tx, now, actor, "owners.applied", f"{done} files", {"derived": wanted})
    return done


def _derive(ledger: Ledger, file: LiveFile) -> Derived:
    import duckdb

    ledger.staging_folder.mkdir(parents=True, exist_ok=True)
    derived = ledger.terms.derived
    with tempfile.TemporaryDirectory(dir=ledger.staging_folder) as folder, duckdb.connect() as connection:
        target = Path(folder) / "derived.parquet"
        source = str(ledger.root / file.path).replace("'", "''")
        connection.execute("SET memory_limit = '700MB'")
        held = {name for (name,) in connection.execute(f"SELECT name FROM parquet_schema('{source}')").fetchall()}
        shown = ", ".join(_shown(name, derived, held) for name in COLUMNS)
        connection.execute(f"COPY (SELECT {shown} FROM read_parquet('{source}')) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        span = connection.execute(f"SELECT min(x_ChargeDay), max(x_ChargeDay) FROM read_parquet('{target}')").fetchone()
        assert span is not None
        with target.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        size = target.stat().st_size
        path = f"source={slug(file.source)}/period={file.period}/{sha256[:24]}.parquet"
        target.replace(ledger.root / path)
        ledger.facts.keep(path, ledger.root / path)
    return Derived(file, path, sha256, size, span[0], span[1])


def _shown(name: str, derived: Mapping[str, str], held: Collection[str]) -> str:
    """A file written before a column was known has nothing in it."""
    if name in derived:
        return f'{derived[name]} AS "{name}"'
    return f'"{name}"' if name in held else f'CAST(NULL AS {COLUMNS[name]}) AS "{name}"'


def roll_up(ledger: Ledger) -> int:
    """Write daily sums beside the live files of a ledger so large that they pay; return how many were written."""
    if not isinstance(ledger.facts, DuckFacts):  # other engines keep sums their own way
        return 0
    with ledger.engine.connect() as connection:
        files = catalog.live_files(connection)
    if sum(file.rows for file in files) < ledger.rollup_worth:
        return 0
    missing = [file.path for file in files if not rollup.beside(ledger.root, file.path).exists()]
    for path in missing:
        rollup.build(ledger.root, path)
    return len(missing)


def sweep(ledger: Ledger, now: datetime, *, grace: timedelta = GRACE, kept: int = KEPT) -> list[str]:
    """Remove what no question can need: orphans of crashed loads, retired files, the rows of long replaced deliveries.

    Returns the paths removed. A file younger than `grace` is left: a load may be about to publish it. Ids of requests that
    are looked up in the files from now on are forgotten.
    """
    with writing(ledger.engine) as tx:
        retired = list(tx.execute(select(files.c.path).where(files.c.retired_at < now - grace)).scalars())
        replaced = list(tx.execute(_replaced(kept, now - grace)).scalars())
        if gone := retired + replaced:
            tx.execute(delete(files).where(files.c.path.in_(gone)))
            record(tx, now, "sweep", "files.removed", f"{len(gone)} files", {"paths": gone})
        known = set(tx.execute(select(files.c.path)).scalars())
        orphans = [path for path in _on_disk(ledger.root, now - grace) if path not in known and path not in gone]
        wanted = {splits.name_of(*files) for files in read_manifest(tx, now).splits.values()}
    unused = [str(file.relative_to(ledger.root)) for path in (*gone, *orphans) for file in splits.beside(ledger.root, path)]
    unused += [path for path in splits.unused(ledger.root, wanted, now - grace) if path not in unused]
    for path in [*gone, *orphans, *unused]:
        ledger.facts.drop(path)
        (ledger.root / path).unlink(missing_ok=True)
        rollup.beside(ledger.root, path).unlink(missing_ok=True)
    forget_requests(ledger.engine, now.date())
    return sorted([*gone, *orphans, *unused, *_stale_staging(ledger, now - grace)])


def _replaced(kept: int, before: datetime) -> Select[tuple[str]]:
    place = (
        func.row_number()
        .over(partition_by=(loads.c.source, loads.c.period, loads.c.slot), order_by=loads.c.recorded_at.desc())
        .label("place")
    )
    ranked = (
        select(files.c.path, place)
        .join(loads, loads.c.id == files.c.load_id)
        .where(loads.c.id.not_in(select(live.c.load_id)), loads.c.recorded_at < before)
        .subquery()
    )
    return select(ranked.c.path).where(ranked.c.place > kept)


def _on_disk(root: Path, before: datetime) -> Iterator[str]:
    for path in (*root.glob("source=*/period=*/*.parquet"), *root.glob("source=*/period=*/*.part")):
        if path.stat().st_mtime < before.timestamp():
            yield str(path.relative_to(root))


def _stale_staging(ledger: Ledger, before: datetime) -> list[str]:
    stale = [path for path in ledger.staging_folder.glob("*") if path.stat().st_mtime < before.timestamp()]
    for path in stale:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return [str(path.relative_to(ledger.root)) for path in stale]
