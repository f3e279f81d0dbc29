"""`finops-bot gateway`: whose API keys the gateway lets in."""

import argparse
import hashlib
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bot.told import Told
from finops.errors import UserError, meant

if TYPE_CHECKING:
    from bot.assemble import Tools

IDENTITY: Final = ("tenant", "team", "project", "env", "feature", "user")
SHOWN: Final = 12  # digits of a key's SHA-256, enough to name it
ACTOR: Final = "terminal"


def gateway_arguments(parser: argparse.ArgumentParser, common: Callable[..., None]) -> None:
    """Declare `keys`, `add-key` and `revoke-key`."""
    what = parser.add_subparsers(dest="what", required=True, metavar="keys|add-key|revoke-key")
    keys = what.add_parser("keys", help="whose keys are let in")
    add = what.add_parser("add-key", help="make a key for somebody: add-key team=search tenant=acme")
    add.add_argument("identity", nargs="+", metavar="name=value", help=", ".join(IDENTITY))
    add.add_argument("--existing", action="store_true", help="let in the key that stands on stdin, and make none")
    revoke = what.add_parser("revoke-key", help="let a key in no longer")
    revoke.add_argument("digest", help="the first digits of its SHA-256, as 'keys' shows them")
    for each in (keys, add, revoke):
        common(each, root=False)


def gateway(options: argparse.Namespace, tools: "Tools", key: str | None = None) -> Told:
    """Raises UserError where a key or an identity is not what it must be. `key` is an existing one."""
    from finops.ledger.gateway import Gateways

    gateways = Gateways(tools.ledger.engine)
    if options.what == "add-key":
        return _add(gateways, tools, identity_of(options.identity), key)
    if options.what == "revoke-key":
        version = gateways.revoke_key(options.digest, tools.now(), ACTOR)
        return Told((f"revoked; gateways know it from version {version} on",), {"revoked": options.digest, "version": version})
    found = sorted(gateways.keys().items(), key=lambda one: sorted(one[1].items()))
    lines = [f"{digest[:SHOWN]}  {_words(who)}" for digest, who in found] or ["No key is let in yet; finops-bot gateway add-key makes one."]
    return Told(tuple(lines), {"keys": [{"sha256": digest, "identity": who} for digest, who in found]})


def identity_of(words: Sequence[str]) -> dict[str, str]:
    """Read `team=search tenant=acme`. Raises UserError with the nearest name."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not value.strip() or name not in IDENTITY:
            raise UserError(
                f"'{word[:80]}' does not say who the key is for; write {', '.join(IDENTITY)} as name=value.{meant(name, IDENTITY)}"
            )
        if name in found:
            raise UserError(f"'{name}' is given twice; a key belongs to one")
        found[name] = value.strip()
    return found


def existing_key() -> str:
    """Read a key from stdin, where no list of processes shows it."""
    key = sys.stdin.readline().strip()
    if len(key) < 16:
        raise UserError(
            "stdin holds no API key of 16 characters or more; pipe it in: finops-bot gateway add-key team=search --existing < key.txt"
        )
    return key


def _add(gateways: Any, tools: "Tools", who: Mapping[str, str], key: str | None) -> Told:
    made = None if key else f"sk-finops-{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256((key or made or "").encode()).hexdigest()
    version = gateways.add_key(digest, who, tools.now(), ACTOR)
    lines = [f"{digest[:SHOWN]}  {_words(who)}; gateways know it from version {version} on"]
    lines += [f"{made}", "It is shown this once and kept nowhere; hand it over safely."] if made else []
    return Told(tuple(lines), {"sha256": digest, "identity": dict(who), "version": version, "key": made})


def _words(who: Mapping[str, str]) -> str:
    return " ".join(f"{name}={who[name]}" for name in IDENTITY if name in who)
