"""Takes what a source offers: fetch, stage, check against the manifest, publish; what is in the ledger already is left alone."""

import fcntl
import hashlib
import logging
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from finops.configuration.rulebook_sources import SourceSettings
from finops.deliveries import Load, Progress, Staging
from finops.errors import BillError, FinopsError, SourceError
from finops.ledger import offers as remembered
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from finops.ports import Fetched, Offer, Source
from finops.sources.connect import Surroundings, connector, source
from finops.sources.formats import FORMATS, KINDS
from finops.sources.mapping import Mapping
from finops.sources.objects import EVERY
from finops.sources.staging import stage

LOG: Final = logging.getLogger("finops.ingest")
REOPENED: Final = timedelta(days=14)  # AWS may rewrite a closed month for two weeks
PATIENCE: Final = timedelta(hours=12)  # after which a delivery that stays incomplete is worth a word


@dataclass(frozen=True)
class Ingested:
    """What became of deliveries: a line for each (source, period), what the reader noticed, and what could not even be asked."""

    loads: tuple[Load, ...]
    notes: tuple[str, ...]
    failures: tuple[str, ...] = ()

    @property
    def is_degraded(self) -> bool:
        return any(load.status in ("quarantined", "waiting") for load in self.loads)


@dataclass(frozen=True)
class Taking:
    """How to take: `everything` looks at all months and fetches even what was taken before; the rest is as in Delivery."""

    now: datetime
    actor: str
    everything: bool = False
    accept: bool = False
    delivered_at: datetime | None = None
    progress: Progress | None = None


def take_entry(ledger: Ledger, entry: SourceSettings, given: Surroundings, how: Taking) -> Ingested:
    """Take all that the source of one entry offers. Raises UserError or SourceError where it cannot be asked at all."""
    history = connector(entry).history
    oldest = (how.now - history).date() if history else date.min
    since = oldest if how.everything else max(oldest, _since(ledger, entry.name, how.now))
    return take_source(ledger, source(entry, given), since, how, timed=history is None)


def take_source(ledger: Ledger, whom: Source, since: date, how: Taking, *, timed: bool = True) -> Ingested:
    """Take the offers of the months that end after `since`; a month that fails does not hold up the others.

    `timed` remembers since when a delivery is incomplete; an interface that has no costs of a month yet is just asked again.
    """
    offered, failures = _offered(whom, since)
    taken = remembered.last_taken(ledger.engine, whom.name)
    loads: list[Load] = []
    notes: list[str] = []
    for offer in offered:
        if offer.waiting:
            if timed:
                remembered.wait(ledger.engine, whom.name, offer, how.now)
            LOG.info("%s %s waits: %s", whom.name, offer.period, offer.waiting)
            loads.append(_line(whom.name, offer, "waiting", offer.waiting))
        elif how.everything or taken.get(offer.period) != offer.id:
            try:
                done = _take(ledger, whom, offer, how)
            except SourceError as problem:
                failures.append(str(problem))
                continue
            loads += done.loads
            notes += done.notes
    return Ingested(tuple(loads), tuple(dict.fromkeys(notes)), tuple(failures))


def troubles(ledger: Ledger, names: Collection[str], now: datetime) -> list[str]:
    """Return what a person should look at: deliveries that stay incomplete, and those that were taken and are not in use."""
    found = [each for each in remembered.waiting(ledger.engine) if each.source in names]
    late = [each for each in found if not each.taken and now - each.since >= PATIENCE]
    return [
        *(f"{each.source} {each.period} waits since {each.since:%Y-%m-%d %H:%M}Z for {each.what}: {each.reason}" for each in late),
        *(f"{each.source} {each.period} is quarantined, {each.what}: {each.reason}" for each in found if each.taken),
    ]


def _since(ledger: Ledger, name: str, now: datetime) -> date:
    """Go back two weeks before the last time anything was taken, and to whatever is waited for; a new source is read whole."""
    last = remembered.taken_until(ledger.engine, name)
    if last is None:
        return date.min
    waited = [each.period for each in remembered.waiting(ledger.engine, name) if each.period != EVERY]
    return min([(min(last, now) - REOPENED).date(), *(date.fromisoformat(f"{period}-01") for period in waited)])


def _offered(whom: Source, since: date) -> tuple[list[Offer], list[str]]:
    """Return all offers, and what stopped the source from making more."""
    found: list[Offer] = []
    try:
        found.extend(whom.offers(since))
    except SourceError as problem:
        return found, [str(problem)]
    return found, []


def _take(ledger: Ledger, whom: Source, offer: Offer, how: Taking) -> Ingested:
    with _place(ledger.staging_folder, offer) as folder:
        fetched = whom.fetch(offer, folder, how.progress)
        try:
            staged = _staged(ledger, whom, offer, fetched, folder, how.progress)
            loads = ledger.publish(staged, _delivery(offer, how))
        except BillError as problem:
            remembered.take(ledger.engine, whom.name, offer, how.now, str(problem))
            shutil.rmtree(folder, ignore_errors=True)
            return Ingested((_line(whom.name, offer, "quarantined", str(problem)),), ())
        remembered.take(ledger.engine, whom.name, offer, how.now, _unused(loads))
        shutil.rmtree(folder, ignore_errors=True)
    return Ingested(tuple(loads), staged.notes)


def _staged(ledger: Ledger, whom: Source, offer: Offer, fetched: Fetched, folder: Path, progress: Progress | None) -> Staging:
    """Stage the files, and see that they hold what was announced: its rows, and its month alone."""
    folder.mkdir(parents=True, exist_ok=True)
    staged = stage(
        fetched.paths, _formats(fetched.format), source=whom.name, folder=folder, derived=ledger.terms.derived, progress=progress
    )
    if fetched.rows is not None and staged.read != fetched.rows:
        raise BillError(f"{offer.what} announces {fetched.rows:,} rows and its files hold {staged.read:,}; nothing was loaded.")
    others = sorted({part.period for part in staged.parts} - {offer.period})
    if others and offer.period != EVERY:
        raise BillError(f"{offer.what} is of {offer.period} and holds charges of {', '.join(others[:3])} as well; nothing was loaded.")
    if not staged.parts and not staged.bad_row_counts:
        raise BillError(f"{offer.what} holds no charges.")
    return staged


def _formats(name: str) -> tuple[Mapping, ...]:
    if name in KINDS:
        return KINDS[name]
    if name in FORMATS:
        return (FORMATS[name],)
    raise FinopsError(f"nothing reads bills in the format '{name}'")


def _delivery(offer: Offer, how: Taking) -> Delivery:
    at = how.delivered_at or offer.delivered_at
    return Delivery(delivered_at=at, recorded_at=how.now, actor=how.actor, explicit=True, accept=how.accept)


def _unused(loads: Collection[Load]) -> str | None:
    refused = [load.reason or load.status for load in loads if load.status == "quarantined" or "quarantined" in (load.reason or "")]
    return "; ".join(dict.fromkeys(refused)) or None


def _line(name: str, offer: Offer, status: str, reason: str) -> Load:
    return Load(name, offer.period, 0, None, None, None, "waiting" if status == "waiting" else "quarantined", reason)


@contextmanager
def _place(staging: Path, offer: Offer) -> Iterator[Path]:
    """Yield the offer's own folder, so that a fetch that was cut off goes on; who comes while another has it gets one of its own."""
    staging.mkdir(parents=True, exist_ok=True)
    name = f"offer-{hashlib.sha256(offer.id.encode()).hexdigest()[:24]}"
    with (staging / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            with tempfile.TemporaryDirectory(dir=staging, prefix=f"{name}-") as folder:
                yield Path(folder)
            return
        yield staging / name
