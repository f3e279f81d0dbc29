"""Snapshots as they travel: sealed with a key both sides hold, with a version that only grows."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.limits import Dimensions, Limit, read_limit
from gateway.prices import Prices, read_prices

FULL: Final = "snapshot"
STILL: Final = "still"  # nothing changed, and this was said just now
NO_LONGER: Final = 8  # a longest chain of fallbacks: more is a loop


class SnapshotError(Exception):
    """A snapshot that is not to be trusted, or cannot be read."""


@dataclass(frozen=True)
class Snapshot:
    """Everything a worker decides by, at one version."""

    version: int
    ttl: float
    keys: Mapping[str, Dimensions]
    limits: tuple[Limit, ...]
    prices: Prices
    closed: bool = True


@dataclass(frozen=True)
class Said:
    """What a sealed message holds; `snapshot` is None where it only says that `version` still holds."""

    version: int
    ttl: float
    nonce: str
    snapshot: Snapshot | None


def key_digest(api_key: str) -> str:
    """Return the name under which a snapshot knows an API key."""
    return hashlib.sha256(api_key.encode("utf-8", "surrogateescape")).hexdigest()


def seal(document: Mapping[str, Any], key: bytes) -> str:
    """Return `document` with its signature, as one line of JSON; what is signed is the very text that travels."""
    payload = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return json.dumps({"payload": payload, "signature": _signature(payload, key)})


def unseal(text: str | bytes, key: bytes) -> Said:
    """Return what was sealed with `key`. Raises SnapshotError for anything else."""
    try:
        envelope = json.loads(text)
        payload, signature = envelope["payload"], envelope["signature"]
        genuine = hmac.compare_digest(_signature(payload, key), signature)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SnapshotError("what came as a snapshot is none; look whether FINOPS_GATEWAY_URL leads to finops-bot") from None
    if not genuine:
        raise SnapshotError("a snapshot's signature is wrong; FINOPS_GATEWAY_KEY must be the same here and at finops-bot")
    try:
        return _said(json.loads(payload))
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as problem:
        raise SnapshotError(f"a signed snapshot cannot be read ({problem!r}); are both sides of the same version?") from problem


def _signature(payload: str, key: bytes) -> str:
    return hmac.new(key, payload.encode(), hashlib.sha256).hexdigest()


def _said(document: Mapping[str, Any]) -> Said:
    version, ttl = int(document["version"]), float(document["ttl_seconds"])
    snapshot = read_snapshot(document) if document["kind"] == FULL else None
    return Said(version, ttl, str(document.get("nonce", "")), snapshot)


def read_snapshot(document: Mapping[str, Any]) -> Snapshot:
    """Read a whole snapshot's document."""
    return Snapshot(
        version=int(document["version"]),
        ttl=float(document["ttl_seconds"]),
        keys={str(digest): {str(name): str(value) for name, value in of.items()} for digest, of in document["keys"].items()},
        limits=tuple(read_limit(each) for each in document["limits"]),
        prices=read_prices(document),
        closed=document.get("when_unsure", "closed") != "open",
    )
