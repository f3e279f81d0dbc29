"""The chain of the audit: each entry is bound by a keyed hash to the one before it, so that none can change unseen."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

FIRST: Final = "0" * 64  # what the first entry is bound to
NO_KEY: Final = "none"  # the name of the empty key
TEXTS: Final = ("actor", "action", "object", "detail", "strength", "before", "after", "reason", "request", "config", "key", "prev", "hash")


@dataclass(frozen=True)
class Entry:
    """One thing that was done: by whom, how they proved who they are, to what, from which form to which, and why.

    `request` names the click or call that caused it, `config` the configuration in force, `key` the key that sealed it.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    object: str
    detail: str  # JSON, to the letter as it was written
    strength: str | None = None
    before: str | None = None
    after: str | None = None
    reason: str | None = None
    request: str | None = None
    config: str | None = None
    key: str = NO_KEY
    prev: str = FIRST
    hash: str = ""

    def document(self) -> dict[str, Any]:
        """Return the entry as plain JSON without what is not known; `read_entry` gives the same entry back."""
        return {name: value for name, value in vars(self).items() if value is not None} | {"at": instant(self.at)}


@dataclass(frozen=True)
class Keys:
    """The keys of the chain, the one in use first; older ones still prove what they sealed.

    Without any the chain is bound by the empty key, which shows slips and not malice.
    """

    masters: tuple[bytes, ...] = field(default=(), repr=False)

    @cached_property
    def _derived(self) -> dict[str, bytes]:
        return {_name(master): _derive(master, b"chain") for master in self.masters} or {NO_KEY: b""}

    @cached_property
    def current(self) -> str:
        return next(iter(self._derived))

    def knows(self, name: str) -> bool:
        return name in self._derived

    def seal(self, entry: Entry) -> Entry:
        """Return the entry with the name of the key in use and its hash."""
        named = replace(entry, key=self.current)
        return replace(named, hash=self.hash_of(named))

    def hash_of(self, entry: Entry) -> str:
        """Return the hash an entry must have. Raises KeyError for a key that is not ours."""
        return hmac.new(self._derived[entry.key], entry.prev.encode() + canonical(entry), hashlib.sha256).hexdigest()

    def seeds(self) -> list[bytes]:
        """Return the 32 bytes that each key's signatures of checkpoints are made from, the key in use first."""
        return [_derive(master, b"checkpoints") for master in self.masters]


UNKEYED: Final = Keys()


def canonical(entry: Entry) -> bytes:
    """Return what the hash is taken over: JSON with sorted names, without what is not known, so that new fields change no old hash."""
    content = {name: value for name, value in entry.document().items() if name not in ("prev", "hash")}
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_entry(document: dict[str, Any]) -> Entry:
    """Read what `Entry.document` wrote. Raises ValueError for anything else."""
    unknown = set(document) - {"seq", "at", *TEXTS}
    if unknown or not isinstance(document.get("seq"), int) or isinstance(document["seq"], bool):
        raise ValueError(f"unknown field '{min(unknown)}'" if unknown else "no whole number under 'seq'")
    wrong = [name for name in TEXTS if name in document and not isinstance(document[name], str)]
    if wrong:
        raise ValueError(f"no text under '{wrong[0]}'")
    try:
        at = datetime.fromisoformat(document["at"])
        entry = Entry(**document | {"at": at})
    except (KeyError, TypeError) as problem:
        raise ValueError("a field is missing or of the wrong kind") from problem
    if at.tzinfo is None or instant(at) != document["at"]:
        raise ValueError(f"'{document['at']}' is not an instant as it is written here")
    return entry


def instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Checked:
    """How far a chain holds: entries read, the hash of the last, and the first thing wrong. `unproven` counts those without a key."""

    entries: int
    head: str
    problem: str | None = None
    unproven: int = 0


def check_chain(entries: Iterable[Entry], keys: Keys | None, watch: Callable[[Entry], None] = lambda _: None) -> Checked:
    """Follow the chain to its end or its first bad entry; `keys` None checks all but the keyed hashes.

    `watch` sees every entry that holds, in order.
    """
    count, head, unproven = 0, FIRST, 0
    for entry in entries:
        problem = _problem(entry, count + 1, head, keys)
        if problem:
            return Checked(count, head, problem, unproven)
        watch(entry)
        unproven += entry.key == NO_KEY
        count, head = entry.seq, entry.hash
    return Checked(count, head, None, unproven)


def told(entry: Entry) -> str:
    return f"entry {entry.seq} ({entry.at:%Y-%m-%d %H:%M:%S}Z, {entry.action} {entry.object[:60]})"


def summed(entries: Iterable[Entry]) -> tuple[Entry | None, str]:
    """Return the last entry, and the SHA-256 over whole entries, which proves them to somebody without the key."""
    last, total = None, hashlib.sha256()
    for last in entries:
        total.update(exact(last))
    return last, total.hexdigest()


def exact(entry: Entry) -> bytes:
    return canonical(entry) + entry.hash.encode() + b"\n"


def sealed_anew(entries: Iterable[Entry], keys: Keys) -> Iterator[Entry]:
    """Chain entries that were written before there was a chain, numbered without gaps."""
    prev = FIRST
    for number, entry in enumerate(entries, 1):
        sealed = keys.seal(replace(entry, seq=number, prev=prev))
        prev = sealed.hash
        yield sealed


def _problem(entry: Entry, expected: int, head: str, keys: Keys | None) -> str | None:
    if entry.seq > expected:
        gone = f"entry {expected} is" if entry.seq == expected + 1 else f"entries {expected} to {entry.seq - 1} are"
        return f"{gone} missing: {told(entry)} comes next"
    if entry.seq < expected:
        return f"{told(entry)} comes a second time, or out of order"
    if entry.prev != head:
        return f"{told(entry)} is not bound to the entry before it: one of the two was changed"
    if keys is None:
        return None
    if not keys.knows(entry.key):
        return f"{told(entry)} was sealed with the key {entry.key}, which is none of ours"
    if not hmac.compare_digest(keys.hash_of(entry).encode(), entry.hash.encode(errors="replace")):
        return f"{told(entry)} was changed: its hash does not fit"
    return None


def _derive(master: bytes, purpose: bytes) -> bytes:
    return hmac.digest(master, b"finops-bot audit " + purpose, "sha256")


def _name(master: bytes) -> str:
    return _derive(master, b"name").hex()[:12]
