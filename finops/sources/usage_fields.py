"""The fields of a usage event one by one, for lines that are not written exactly as the contract says."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from finops.usage import EVENT_FIELDS, REQUIRED, TOKEN_FIELDS, Kind

MOST_TOKENS: Final = 10**12  # far beyond any request, and far below where sums would overflow
MOST_HASHES: Final = 4_096
MOST_HASH: Final = 128

# What others call our fields. Writes to a cache without a lifetime are of the shorter one.
ALIASES: Final = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
}
WRITES: Final = ("cache_write_tokens", "cache_creation_input_tokens")
DECISIVE: Final = frozenset((*REQUIRED, *TOKEN_FIELDS, "provider", "service_tier", "region", "requests"))  # these decide the cost

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, END = 946_684_800, 4_102_444_800  # the years 2000 to 2099 in seconds, so that seconds, millis … never overlap


class FieldError(ValueError):
    """Why a line is no usage event."""


def values_of(content: Mapping[str, Any]) -> tuple[dict[str, Any], list[str], list[str]]:
    """Return the readable values of an event by field, the fields nobody knows, and those left out as unreadable.

    Raises FieldError where a field that decides the cost is missing or unreadable.
    """
    values: dict[str, Any] = {}
    unknown, unreadable = [], []
    for name, value in content.items():
        known = ALIASES.get(name, name)
        if name in WRITES or value is None or (known != name and content.get(known) is not None):
            continue
        if known not in EVENT_FIELDS:
            unknown.append(name)
            continue
        try:
            values[known] = _lenient(known, value)
        except FieldError as problem:
            if known in DECISIVE:
                raise FieldError(f"{name} is {_shown(value)}; {problem}") from None
            unreadable.append(known)
    _add_writes(values, content)
    _check(values)
    return values, unknown, unreadable


def _lenient(name: str, value: Any) -> Any:
    if name == "latency_ms" and isinstance(value, float) and value >= 0:
        return _count(float(round(value)))
    return READ[EVENT_FIELDS[name]](value)


def _add_writes(values: dict[str, Any], content: Mapping[str, Any]) -> None:
    """What a total of cache writes holds beyond its parts is of the shorter lifetime."""
    for name in WRITES:
        total = content.get(name)
        if total is None:
            continue
        try:
            rest = _count(total) - values.get("cache_write_5m_tokens", 0) - values.get("cache_write_1h_tokens", 0)
        except FieldError as problem:
            raise FieldError(f"{name} is {_shown(total)}; {problem}") from None
        values["cache_write_5m_tokens"] = values.get("cache_write_5m_tokens", 0) + max(rest, 0)


def _check(values: Mapping[str, Any]) -> None:
    missing = [name for name in REQUIRED if name not in values]
    if missing:
        raise FieldError(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    if not any(name in values for name in TOKEN_FIELDS):
        raise FieldError("no count of tokens is given, such as input_tokens or output_tokens")
    if values.get("requests") == 0:
        raise FieldError("requests is 0; an event is at least one request")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise FieldError("a text belongs there")


def _count(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS:
        return value
    raise FieldError(f"a whole number from 0 to {MOST_TOKENS:,} belongs there")


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        return _written(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        for per_second in (1, 10**3, 10**6, 10**9):
            if FIRST * per_second <= value < END * per_second:
                return EPOCH + timedelta(microseconds=int(value * 10**6) // per_second)
    raise FieldError("a time such as 2026-03-01T12:00:00Z belongs there")


def _written(value: str) -> datetime:
    try:
        if len(value) > len("2026-03-01"):  # a day alone does not say when
            return datetime.fromisoformat(value.strip())
    except ValueError:
        pass
    raise FieldError("a time such as 2026-03-01T12:00:00Z belongs there")


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise FieldError("true or false belongs there")


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_text(each)[:MOST_HASH] for each in value[:MOST_HASHES])
    raise FieldError("a list of texts belongs there")


READ: Final[dict[Kind, Callable[[Any], Any]]] = {"text": _text, "count": _count, "moment": _moment, "flag": _flag, "texts": _texts}


def _shown(value: Any) -> str:
    return repr(value)[:60]
