"""Signed checkpoints of the audit, kept outside the database: they show a tail that was cut and a chain that was made anew."""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, func, select

from finops.errors import LedgerError
from finops.ledger.audit import entries, write
from finops.ledger.audit_chain import FIRST, Keys, instant, summed
from finops.ledger.state import writing
from finops.ledger.tables import audit

FILE: Final = "checkpoints.jsonl"
WRITTEN: Final = "audit.checkpoint"  # the action of the entry that tells of a checkpoint
MOST: Final = 500  # entries between two checkpoints
LONGEST: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Checkpoint:
    """The chain as it stood: `size` entries, the last with hash `head`. `content` digests the entries after `since`.

    `content` lets somebody check the entries who has the public key and not the key of the chain; `previous` is the digest of
    the checkpoint before it in the file.
    """

    since: int
    size: int
    head: str
    content: str
    at: str
    previous: str
    key: str  # the public key, as base64
    signature: str = ""

    def signed_text(self) -> bytes:
        content = {name: value for name, value in asdict(self).items() if name != "signature"}
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.signed_text()).hexdigest()


def write_checkpoint(engine: Engine, keys: Keys, folder: Path, now: datetime, *, at_once: bool = False) -> Checkpoint | None:
    """Sign the chain as it stands if enough was added since, and note the checkpoint in the audit; None when it is not due.

    The file is written before the note, so that a crash leaves a checkpoint too many rather than one too few.
    """
    path = folder / FILE
    last = next(reversed(read_checkpoints(path)), None)
    fresh = _sign(engine, keys, last, now, at_once=at_once)
    if fresh is None:
        return None
    _append(path, fresh)
    with writing(engine) as tx:
        write(tx, now, "checkpoint-audit", WRITTEN, str(fresh.size), {"digest": fresh.digest, "head": fresh.head})
    return fresh


def read_checkpoints(path: Path) -> list[Checkpoint]:
    """Return the checkpoints of a file, oldest first. Raises LedgerError for a line that is none."""
    if not path.exists():
        return []
    return list(_parsed(path.read_text(encoding="utf-8"), str(path)))


def parse_checkpoint(document: dict[str, Any]) -> Checkpoint:
    """Raises ValueError for anything that is no checkpoint."""
    try:
        found = Checkpoint(**document)
    except TypeError as problem:
        raise ValueError("a field is missing or unknown") from problem
    kinds = {name: int if name in ("since", "size") else str for name in asdict(found)}
    wrong = [name for name, value in asdict(found).items() if type(value) is not kinds[name]]
    if wrong:
        raise ValueError(f"'{wrong[0]}' is of the wrong kind")
    return found


def signed_by(document: bytes, signature: str, public: str) -> bool:
    """Say whether the signature over a document is that public key's."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        given = base64.b64decode(signature, validate=True)
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True)).verify(given, document)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return base64.b64encode(given).decode() == signature  # the same bytes can be spelled in several ways


def public_keys(keys: Keys) -> list[str]:
    """Return the public keys that prove our checkpoints, the one in use first, to be handed to an auditor; none without a key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = map(Ed25519PrivateKey.from_private_bytes, keys.seeds())
    return [base64.b64encode(one.public_key().public_bytes_raw()).decode() for one in private]


def sign(keys: Keys, document: bytes) -> str:
    """Return the signature of a document by the key in use. Raises LedgerError without a key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if not keys.masters:
        raise LedgerError("the audit has no key, so nothing can be signed; set FINOPS_AUDIT_KEY")
    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(keys.seeds()[0]).sign(document)).decode()


def _sign(engine: Engine, keys: Keys, last: Checkpoint | None, now: datetime, *, at_once: bool) -> Checkpoint | None:
    since = last.size if last else 0
    with engine.connect() as connection:
        told = audit.c.action != WRITTEN  # a checkpoint alone is no reason for the next one
        count = int(connection.execute(select(func.count()).where(audit.c.seq > since, told)).scalar_one())
        if not count or not (at_once or count >= MOST or last is None or instant(now - LONGEST) >= last.at):
            return None
        end, content = summed(entries(connection, since))
    assert end is not None
    made = Checkpoint(since, end.seq, end.hash, content, instant(now), last.digest if last else FIRST, "".join(public_keys(keys)[:1]))
    return replace(made, signature=sign(keys, made.signed_text()))


def _append(path: Path, checkpoint: Checkpoint) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(asdict(checkpoint), sort_keys=True) + "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _parsed(text: str, name: str) -> Iterator[Checkpoint]:
    for number, line in enumerate(text.splitlines(), 1):
        try:
            yield parse_checkpoint(json.loads(line))
        except (ValueError, TypeError) as problem:
            raise LedgerError(f"{name}:{number} is no checkpoint ({problem}); restore the file from a backup") from problem
