"""Reads what the loop is told in: durations, hours, counts, changes, groups of approvers and places to tell."""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from finops.configuration.fields import Reader, WrongError, as_number, as_text
from finops.configuration.yamlscalars import day
from finops.yamlfile import Node

DURATION: Final = re.compile(r"([0-9]{1,4}) ?([smhdw])")
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST: Final = timedelta(days=400)
CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
MOMENT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(Z|[-+][0-9]{2}:[0-9]{2})?")
CHANGE: Final = re.compile(r"([-+]?)([0-9]{1,4}(?:\.[0-9]{1,4})?) ?%")
# A user group as Slack names it: by its handle or by its id.
GROUP: Final = re.compile(r"@[a-z0-9][a-z0-9._-]{0,79}|S[A-Z0-9]{2,20}")
NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"
MAIL: Final = r"[^\s@:<>,]{1,64}@[^\s@:<>,]{1,200}"
OUTSIDE: Final = rf"pagerduty(:{NAME})?|email(:{MAIL})?|webhook:{NAME}"
PLACE: Final = re.compile(rf"owner|channel|[#@][^\s<>]{{1,80}}|[CGU][A-Z0-9]{{6,20}}|{OUTSIDE}")
CHANNEL: Final = re.compile(r"#[^\s<>]{1,80}|[CG][A-Z0-9]{6,20}")
REACTION: Final = re.compile(rf"slack|propose|{OUTSIDE}")


def as_duration(node: Node) -> timedelta:
    """Read `15m`, `6h`, `7d` or `2w`."""
    found = DURATION.fullmatch(node.text)
    length = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not timedelta(0) < length <= LONGEST:
        raise WrongError(f"a time such as 15m, 6h or 7d, at most {LONGEST.days}d")
    return length


def as_count(node: Node) -> int:
    """Read a whole number above 0; `2e6` is one too."""
    wants = "a whole number above 0"
    try:
        number = as_number(node)
    except WrongError:
        raise WrongError(wants) from None
    if number < 1 or number != int(number):
        raise WrongError(wants)
    return int(number)


def as_replicas(node: Node) -> int:
    """Read a whole number from 0 up to a hundred thousand."""
    if not re.fullmatch("[0-9]{1,6}", node.text) or int(node.text) > 100_000:
        raise WrongError("a whole number from 0 to 100000")
    return int(node.text)


def as_flag(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise WrongError("true or false")
    return node.value


def as_change(node: Node) -> Decimal:
    """Read `+50%` as 0.5 and `-20%` as −0.2."""
    found = CHANGE.fullmatch(node.text)
    change = Decimal(found[2]) / 100 if found else Decimal(0)
    if not found or not change or (found[1] == "-" and change >= 1):
        raise WrongError("a change such as +50% or -20%")
    return -change if found[1] == "-" else change


def as_clock(node: Node) -> time:
    found = CLOCK.fullmatch(node.text)
    if not found:
        raise WrongError("a time of day such as 22:00")
    return time(int(found[1]), int(found[2]))


def as_group(node: Node) -> str:
    if not GROUP.fullmatch(node.text):
        raise WrongError('a Slack user group, by its handle in quotes such as "@ml-oncall" or by its id such as S0123ABCD')
    return node.text


def as_place(node: Node) -> str:
    """Read where a notice goes."""
    if not PLACE.fullmatch(node.text):
        raise WrongError('owner, channel, "#name", "@name", pagerduty, email:ADDRESS or webhook:NAME')
    return node.text


def as_channel(node: Node) -> str:
    if not CHANNEL.fullmatch(node.text):
        raise WrongError('a channel, by its name in quotes such as "#ml-costs" or by its id')
    return node.text


def as_reaction(node: Node) -> str:
    """Read what happens at a threshold."""
    if not REACTION.fullmatch(node.text):
        raise WrongError("slack, pagerduty, email, webhook:NAME or propose")
    return node.text


def as_label(node: Node) -> str:
    """Read a tag, as KEY or KEY=VALUE."""
    key, equals, value = as_text(node).partition("=")
    if not key.strip() or (equals and not value.strip()):
        raise WrongError("a tag as KEY or KEY=VALUE")
    return f"{key.strip()}{equals}{value.strip()}"


def many(reader: Reader[str]) -> Reader[tuple[str, ...]]:
    """Return a reader of one such word or a list of them, none twice."""

    def read_many(node: Node) -> tuple[str, ...]:
        listed = node.value if isinstance(node.value, tuple) else (node,)
        try:
            found = tuple(reader(item) for item in listed)
        except WrongError as wrong:
            raise WrongError(f"{wrong.wants}, or a list of such", wrong.hint) from None
        if not found or len(set(found)) < len(found):
            raise WrongError("a list with at least one, and none twice")
        return found

    return read_many


def as_moment(zone: str, *, last: bool = False) -> Reader[datetime]:
    """Return a reader of a day or a minute on the clock of `zone`, as an instant in UTC; a `last` day counts as a whole."""

    def read_moment(node: Node) -> datetime:
        try:
            return _instant(node, ZoneInfo(zone), last=last)
        except (ValueError, OverflowError):
            raise WrongError("a day or a minute such as 2026-12-24 or 2026-12-24 18:00") from None

    return read_moment


def _instant(node: Node, zone: ZoneInfo, *, last: bool) -> datetime:
    found = MOMENT.fullmatch(node.text)
    if found:
        moment = datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or ''}")
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    whole = node.value if isinstance(node.value, date) else day(node.text)
    return datetime.combine(whole + timedelta(days=1) if last else whole, time(0), zone).astimezone(UTC)


def as_model(node: Node) -> str:
    """Read the name of a model."""
    text = as_text(node)
    if any(letter.isspace() for letter in text):
        raise WrongError("the name of a model")
    return text
