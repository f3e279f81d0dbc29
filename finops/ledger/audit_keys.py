"""Where the audit's key comes from: the setting, else a file that is made once and that only its owner can read."""

import os
import secrets
from pathlib import Path
from typing import Final

from finops.errors import UserError
from finops.ledger.audit_chain import Keys
from finops.secret import Secret

NAME: Final = "audit.key"
SHORTEST: Final = 32  # characters: 128 bits as hexadecimal digits


def audit_keys(given: Secret | None, folder: Path) -> Keys:
    """Return the keys that the setting names, else the one in the file below `folder`, made now if there is none."""
    if given is None and not (folder / NAME).exists():
        _make(folder / NAME)
    found = keys_there_are(given, folder)
    assert found is not None
    return found


def keys_there_are(given: Secret | None, folder: Path) -> Keys | None:
    """Return the keys without making any; None where there are none."""
    if given is not None:
        return Keys(tuple(word.encode() for word in given.reveal().split()))
    return Keys((_read(folder / NAME),)) if (folder / NAME).exists() else None


def _make(path: Path) -> None:
    """Write a new key whole, then give it its name: of two processes at once, the first one's stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{NAME}.{secrets.token_hex(8)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, f"{secrets.token_hex(32)}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_mode & 0o077:
            raise UserError(f"{path} can be read by others than its owner; run chmod 600 on it, or set FINOPS_AUDIT_KEY instead")
        key = path.read_bytes().strip()
    except OSError as problem:
        raise UserError(
            f"{path}, the key of the audit, cannot be read ({problem.strerror}); restore it, or set FINOPS_AUDIT_KEY"
        ) from problem
    if len(key) < SHORTEST:
        raise UserError(f"{path} holds no key of the audit; restore it from a backup, or set FINOPS_AUDIT_KEY")
    return key
