"""Where messages can go: the address of a route, and the settings that name keys, servers and secrets. Pure."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from finops.errors import UserError, close_to, meant
from finops.secret import MASK, Secret

SCHEMES: Final = ("slack", "pagerduty", "email", "webhook")
FIRST: Final = "default"  # the name of a service where only one is known
LONGEST: Final = 300
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
MAILBOX: Final = re.compile(r"[^\s@<>(),;:\\\"\[\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
SLACK_PLACE: Final = re.compile(r"[#@]?[^\s#@,:;!?\"'<>&()]{1,80}|@[^\s@<>,:;]{1,64}@[A-Za-z0-9.-]{1,200}")
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Address:
    """A route taken apart: `slack:#ai-costs`, `slack:@U0ANA`, `pagerduty:default`, `email:ops@example.com`, `webhook:tickets`."""

    scheme: str
    name: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"


@dataclass(frozen=True)
class MailServer:
    """Who takes our mail. `tls` is `starttls`, `tls` from the first byte, or `none`, which only this very machine may be."""

    host: str
    port: int
    tls: str
    user: str | None = None
    password: Secret | None = None


def address(route: str) -> Address:
    """Read a route. Raises UserError, with the nearest scheme, for one that leads nowhere."""
    scheme, _, name = route.partition(":")
    if scheme not in SCHEMES:
        known = f"a route begins with {', '.join(f'{each}:' for each in SCHEMES)}"
        raise UserError(f"'{route[:80]}' is not a route; {known}.{meant(scheme, SCHEMES)}", did_you_mean=close_to(scheme, SCHEMES))
    name = name or (FIRST if scheme == "pagerduty" else "")
    if len(route) > LONGEST or not _is_name(scheme, name):
        raise UserError(f"'{route[:80]}' is not a route; write {EXAMPLES[scheme]}")
    return Address(scheme, name)


EXAMPLES: Final = {
    "slack": "slack:#channel, slack:C0123456789 or slack:@U0123456789",
    "pagerduty": "pagerduty:NAME, as FINOPS_PAGERDUTY_KEY names it",
    "email": "email:name@example.com",
    "webhook": "webhook:NAME, as FINOPS_WEBHOOKS names it",
}


def _is_name(scheme: str, name: str) -> bool:
    form = {"slack": SLACK_PLACE, "email": MAILBOX}.get(scheme, NAME)
    return form.fullmatch(name) is not None


def routes_value(value: str) -> tuple[str, ...]:
    """Read routes with spaces between, for a setting. Raises ValueError."""
    try:
        return tuple(str(address(route)) for route in value.split())
    except UserError as problem:
        raise ValueError(f"holds a route that leads nowhere: {problem}") from None


def keys_value(value: str) -> Secret:
    """Read one key, or `name=key` pairs with spaces between. Raises ValueError."""
    if not value.isascii() or not _pairs_of(value) or any(not NAME.fullmatch(name) or len(key) < 6 for name, key in _pairs_of(value)):
        raise ValueError("must hold the integration key of a PagerDuty service, or name=key pairs with spaces between")
    return _named_once(value)


def webhooks_value(value: str) -> Secret:
    """Read `name=url` pairs with spaces between; an address may hold a token, so it is as secret as one. Raises ValueError."""
    if any("=" not in pair or not NAME.fullmatch(pair.partition("=")[0]) for pair in value.split()):
        raise ValueError("must hold name=url pairs with spaces between")
    if any(not _is_safe_url(url) for _, url in _pairs_of(value)):
        raise ValueError("names an address that is not https://…; plain http:// is for this very machine only")
    return _named_once(value)


def smtp_value(value: str) -> Secret:
    """Read `smtp://user:password@host:587` or `smtps://…`. Raises ValueError."""
    mail_server(Secret(value))
    return Secret(value)


def mailbox_value(value: str) -> str:
    if not MAILBOX.fullmatch(value):
        raise ValueError("is not a mail address; give one such as finops@example.com")
    return value


def pairs(secret: Secret | None) -> dict[str, str]:
    """Return what a setting of pairs holds by name; a value without a name is called `default`."""
    return dict(_pairs_of(secret.reveal())) if secret else {}


def mail_server(url: Secret) -> MailServer:
    """Take a mail server's address apart: smtp:// wants STARTTLS (`?tls=none` on this machine), smtps:// TLS at once. Raises ValueError."""
    wrong = "is not the address of a mail server; give smtp://user:password@host:587 or smtps://user:password@host:465"
    try:
        parts = urlsplit(url.reveal())
        port = parts.port
    except ValueError:
        raise ValueError(wrong) from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(wrong)
    tls = "tls" if parts.scheme == "smtps" else "starttls"
    if parse_qs(parts.query).get("tls") == ["none"]:
        if parts.hostname not in LOOPBACK:
            raise ValueError("sends mail without TLS, which only a server on this very machine may take; leave tls=none out")
        tls = "none"
    user = unquote(parts.username) if parts.username else None
    password = Secret(unquote(parts.password)) if parts.password else None
    return MailServer(parts.hostname, port or (465 if tls == "tls" else 587), tls, user, password)


def route_secrets(*settings: Secret | None) -> tuple[Secret, ...]:
    """Return what must never be logged of settings that hold pairs or addresses: keys, addresses with tokens, passwords."""
    found = [Secret(value) for each in settings if each for _, value in _pairs_of(each.reveal())]
    passwords = [urlsplit(each.reveal()).password for each in found if "://" in each.reveal()]
    return (*found, *(Secret(unquote(each)) for each in passwords if each))


def _pairs_of(value: str) -> list[tuple[str, str]]:
    """An address with `=` in its query is no pair of its own."""
    found = []
    for part in value.split():
        name, is_pair, rest = part.partition("=")
        found.append((name, rest) if is_pair and "://" not in name else (FIRST, part))
    return found


def _named_once(value: str) -> Secret:
    names = [name for name, _ in _pairs_of(value)]
    if len(set(names)) != len(names):
        raise ValueError("names one of them twice; give each a name of its own")
    return Secret(value, MASK)


def _is_safe_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
