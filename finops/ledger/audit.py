"""Writes and reads the audit: append only, each entry chained to the last one in the transaction of the change it tells of."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, insert, select, text
from sqlalchemy.exc import DBAPIError

from finops.errors import LedgerError
from finops.ledger.audit_chain import FIRST, UNKEYED, Entry, Keys
from finops.ledger.state import WRITERS_LOCK
from finops.ledger.tables import audit

AT_ONCE: Final = 1000


@dataclass(frozen=True)
class Stamp:
    """What else an entry tells: how the actor proved who they are, the form before and after, why, by which click."""

    strength: str | None = None
    before: str | None = None
    after: str | None = None
    reason: str | None = None
    request: str | None = None
    config: str | None = None


PLAIN: Final = Stamp()


def under_configuration(engine: Engine, version: str) -> None:
    """Let every entry from now on name the configuration in force."""
    engine.update_execution_options(audit_config=version)


def keys_of(connection: Connection | Engine) -> Keys:
    """Return the keys that a state database was opened with."""
    found = connection.get_execution_options().get("audit_keys", UNKEYED)
    assert isinstance(found, Keys)
    return found


def write(tx: Connection, at: datetime, actor: str, action: str, thing: str, detail: dict[str, Any], stamp: Stamp = PLAIN) -> Entry:
    """Append one entry; raises LedgerError where it cannot be written, and then the change it tells of must not be either."""
    keys, known = keys_of(tx), _cleaned(stamp)
    known.setdefault("config", tx.get_execution_options().get("audit_config"))
    try:
        seq, prev = _end(tx, keys)
        told = json.dumps(detail, sort_keys=True, default=str)
        entry = keys.seal(Entry(seq + 1, at, clean(actor)[:120], action, clean(thing), told, **known, prev=prev))
        tx.execute(_APPEND, dict(vars(entry)))
    except DBAPIError as problem:
        raise LedgerError(f"the audit cannot be written, so nothing was done ({problem.orig}); mend the state database first") from problem
    return entry


def entries(connection: Connection, after: int = 0) -> Iterator[Entry]:
    """Yield every entry after `after`, oldest first, without holding all of them or a cursor."""
    page: list[Entry] | None = None
    while page is None or len(page) == AT_ONCE:
        found = connection.execute(select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(AT_ONCE))
        page = [_entry(row) for row in found]
        yield from page
        after = page[-1].seq if page else after


def history_of(engine: Engine, thing: str, prefix: str = "") -> list[Entry]:
    """Return all that was done to one object, oldest first; `prefix` keeps actions that begin so."""
    with engine.connect() as connection:
        found = connection.execute(select(audit).where(audit.c.object == thing).order_by(audit.c.seq)).all()
    return [_entry(row) for row in found if row.action.startswith(prefix)]


def head(connection: Connection) -> tuple[int, str]:
    """Return the number and the hash of the last entry."""
    last = connection.execute(_LAST).first()
    return (last.seq, last.hash) if last else (0, FIRST)


_APPEND: Final = insert(audit)
_LAST: Final = select(audit.c.seq, audit.c.hash, audit.c.key).order_by(audit.c.seq.desc()).limit(1)


def _end(tx: Connection, keys: Keys) -> tuple[int, str]:
    """Find the end of the chain with nobody writing beside: on SQLite, and in `writing`, a writer is alone anyway."""
    if tx.dialect.name == "postgresql" and not tx.get_execution_options().get("alone"):
        tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITERS_LOCK})
    last = tx.execute(_LAST).first()
    if last is None:
        return 0, FIRST
    if not keys.knows(last.key):
        raise LedgerError(
            f"the audit was written with the key {last.key} and this process has {keys.current}, so nothing was done; "
            "give every process the same FINOPS_AUDIT_KEY, the new key first and older ones after it"
        )
    return last.seq, last.hash


def _entry(row: Row[Any]) -> Entry:
    return Entry(**row._mapping)


def _cleaned(stamp: Stamp) -> dict[str, Any]:
    return {name: clean(value) for name, value in asdict(stamp).items() if value is not None}


def clean(value: str) -> str:
    """Leave out what PostgreSQL cannot keep: a NUL, half a character."""
    return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
