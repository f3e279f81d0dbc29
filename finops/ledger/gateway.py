"""What gateways go by: a version that only grows, the keys of their clients, their workers, and what those told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, insert, select, update

from finops.errors import UserError
from finops.ledger.gateway_shares import Grants, renew
from finops.ledger.loads import record
from finops.ledger.state import writing
from finops.ledger.tables_gateway import gateway_events, gateway_keys, gateway_shares, gateway_state, gateway_workers

ALIVE: Final = timedelta(seconds=60)  # a worker speaks more often than that
KEPT: Final = timedelta(days=7)
MOST_EVENTS: Final = 1_000
LONGEST: Final = 2_000


@dataclass(frozen=True)
class Rollout:
    """How far a version has come: the workers that are alive, and those of them that go by an older one."""

    version: int
    workers: tuple[str, ...]
    behind: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """Something a worker told: `circuit_opened`, `circuit_closed`, `unpriced`, `zero_cost` …"""

    at: datetime
    worker: str
    kind: str
    detail: Mapping[str, Any]


def bump(tx: Connection, at: datetime, why: str) -> int:
    """Raise the version in the transaction of what changed, and return it; gateways hear of it within moments."""
    changed = update(gateway_state).where(gateway_state.c.id == 1).values(version=gateway_state.c.version + 1, bumped_at=at, why=why[:200])
    if tx.execute(changed).rowcount == 0:
        tx.execute(insert(gateway_state).values(id=1, version=1, bumped_at=at, why=why[:200]))
    return version_on(tx)


def version_on(tx: Connection) -> int:
    return int(tx.execute(select(gateway_state.c.version).where(gateway_state.c.id == 1)).scalar() or 0)


def raise_to(engine: Engine, version: int, at: datetime, actor: str) -> int:
    """Go on from at least `version`: gateways refuse an older one for good, also after the database came back from a backup."""
    with writing(engine) as tx:
        if version_on(tx) < version:
            bump(tx, at, "raised by hand")
            tx.execute(update(gateway_state).values(version=version))
            record(tx, at, actor, "gateway.version", "gateway", {"version": version})
        return version_on(tx)


class Gateways:
    """The gateways' part of the state database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def version(self) -> int:
        with self._engine.connect() as tx:
            return version_on(tx)

    def align(self, digest: str, at: datetime) -> int:
        """Raise the version if `digest` is not that of the configuration the last one was made from; return it."""
        known = select(gateway_state.c.configuration).where(gateway_state.c.id == 1)
        with self._engine.connect() as tx:
            if tx.execute(known).scalar() == digest:
                return version_on(tx)
        with writing(self._engine) as tx:
            if tx.execute(known).scalar() != digest:
                bump(tx, at, "configuration")
                tx.execute(update(gateway_state).values(configuration=digest))
            return version_on(tx)

    def keys(self) -> dict[str, dict[str, str]]:
        """Return whose each API key is that may be used, by its SHA-256."""
        with self._engine.connect() as tx:
            rows = tx.execute(select(gateway_keys.c.digest, gateway_keys.c.identity).where(gateway_keys.c.revoked_at.is_(None)))
            return {row.digest: json.loads(row.identity) for row in rows}

    def add_key(self, digest: str, identity: Mapping[str, str], at: datetime, actor: str) -> int:
        """Let a key in, known by its SHA-256; return the version from which it holds. Raises UserError if it is known already."""
        with writing(self._engine) as tx:
            if tx.execute(select(gateway_keys.c.digest).where(gateway_keys.c.digest == digest)).first():
                raise UserError(f"the key {digest[:12]}… is known already; revoke it and make another")
            text = json.dumps(dict(identity), sort_keys=True)
            tx.execute(insert(gateway_keys).values(digest=digest, identity=text, added_at=at, added_by=actor[:120]))
            record(tx, at, actor, "gateway.key.added", digest[:12], {"identity": dict(identity)})
            return bump(tx, at, "key added")

    def revoke_key(self, digest: str, at: datetime, actor: str) -> int:
        """Let a key in no longer; its first digits are enough. Raises UserError for one that is not, or not alone, meant."""
        with writing(self._engine) as tx:
            named = gateway_keys.c.digest.startswith(digest, autoescape=True), gateway_keys.c.revoked_at.is_(None)
            found = tx.execute(select(gateway_keys.c.digest).where(*named)).scalars().all()
            if len(found) != 1 or not digest:
                raise UserError(f"'{digest[:64]}' names {len(found)} keys; give the first digits of one key's SHA-256")
            tx.execute(update(gateway_keys).where(gateway_keys.c.digest == found[0]).values(revoked_at=at))
            record(tx, at, actor, "gateway.key.revoked", found[0][:12], {})
            return bump(tx, at, "key revoked")

    def seen(self, worker: str, version: int, at: datetime) -> int:
        """Note that a worker lives and what it goes by; return how many do."""
        with writing(self._engine) as tx:
            touch(tx, worker, at, version=version)
            return alive(tx, at)

    def rollout(self, at: datetime) -> Rollout:
        """Tell which living workers go by the newest version."""
        with self._engine.connect() as tx:
            newest = version_on(tx)
            living = select(gateway_workers).where(gateway_workers.c.seen_at > at - ALIVE).order_by(gateway_workers.c.id)
            rows = tx.execute(living).all()
        return Rollout(newest, tuple(row.id for row in rows), tuple(row.id for row in rows if row.version < newest))

    def lease(
        self, worker: str, seq: int, reports: Sequence[Mapping[str, Any]], grants: Grants, at: datetime
    ) -> list[dict[str, Any] | None]:
        """Note what a worker used of its shares and return what each may come to; None for what a later report has overtaken."""
        with writing(self._engine) as tx:
            touch(tx, worker, at)
            newest = update(gateway_workers).where(gateway_workers.c.id == worker, gateway_workers.c.seq < seq).values(seq=seq)
            if tx.execute(newest).rowcount == 0:
                return [None] * len(reports)
            return [renew(tx, worker, report, grants, alive(tx, at), at) for report in reports]

    def tell(self, worker: str, events: Sequence[Mapping[str, Any]], at: datetime) -> None:
        """Keep what a worker told."""
        rows = [
            {"at": at, "worker": worker, "kind": str(each.get("kind", ""))[:40], "detail": json.dumps(dict(each), sort_keys=True)[:LONGEST]}
            for each in events[:MOST_EVENTS]
        ]
        if rows:
            with writing(self._engine) as tx:
                tx.execute(insert(gateway_events), rows)

    def told(self, since: datetime) -> list[Told]:
        """Return what workers told from `since` on, oldest first."""
        with self._engine.connect() as tx:
            rows = tx.execute(select(gateway_events).where(gateway_events.c.at >= since).order_by(gateway_events.c.id)).all()
        return [Told(row.at, row.worker, row.kind, _object(row.detail)) for row in rows]

    def forget(self, now: datetime) -> None:
        """Drop what is too old to matter: shares of past days, workers that are gone, what they told."""
        old = now - KEPT
        with writing(self._engine) as tx:
            tx.execute(delete(gateway_shares).where(gateway_shares.c.day < old.date()))
            tx.execute(delete(gateway_workers).where(gateway_workers.c.seen_at < old))
            tx.execute(delete(gateway_events).where(gateway_events.c.at < old))


def touch(tx: Connection, worker: str, at: datetime, version: int | None = None) -> None:
    told = {} if version is None else {"version": version}
    if tx.execute(update(gateway_workers).where(gateway_workers.c.id == worker).values(seen_at=at, **told)).rowcount == 0:
        tx.execute(insert(gateway_workers).values(id=worker, version=version or 0, first_seen_at=at, seen_at=at, seq=0))


def alive(tx: Connection, at: datetime) -> int:
    return len(tx.execute(select(gateway_workers.c.id).where(gateway_workers.c.seen_at > at - ALIVE)).all())


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:  # cut
        return {"text": text}
    return found if isinstance(found, dict) else {"text": text}
