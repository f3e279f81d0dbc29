"""Success events of a LiteLLM gateway (`standard_logging_object`) as usage events; its cost is not used, tokens are priced here."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from finops.errors import UserError
from finops.sources.usage_events import BadLine, Event, Reading, tidy
from finops.sources.usage_fields import MOST_TOKENS

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ENVELOPES: Final = ("standard_logging_object", "standard_logging_payload")

# Our field → where the gateway's key says it, then where the client does. A client can write what it likes into its own.
KEY_SAYS: Final[dict[str, tuple[str, ...]]] = {
    "team": ("user_api_key_team_alias", "user_api_key_team_id"),
    "project": ("user_api_key_project_alias", "user_api_key_project_id"),
    "user": ("user_api_key_end_user_id", "user_api_key_user_id"),
    "tenant": ("user_api_key_org_alias", "user_api_key_org_id"),
}
STATES: Final = {"success": "ok", "failure": "error"}
CLIENT_SAYS: Final = ("tenant", "route", "feature", "project", "env", "task", "session", "user", "team")


def read_gateway(body: bytes) -> Reading:
    """Read one event, a JSON array or JSON Lines of them; one that is none never hides the others."""
    reading = Reading()
    for number, item in _items(body, reading):
        try:
            reading.events.append(_event(item))
        except UserError as problem:
            reading.bad.append(BadLine(number, str(problem), ""))
    return reading


def _items(body: bytes, reading: Reading) -> list[tuple[int, Any]]:
    """Decode the whole, or else line by line."""
    try:
        found = msgspec.json.decode(body)
        return list(enumerate(found, 1)) if isinstance(found, list) else [(1, found)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    items = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            items.append((number, msgspec.json.decode(line)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            reading.bad.append(BadLine(number, f"it is not JSON: {str(problem)[:200]}", line[:200].decode("utf-8", "replace")))
    return items


def _event(item: Any) -> Event:
    told = _object(item)
    for name in ENVELOPES:
        told = _object(told.get(name)) or told
    usage, hit = _usage(told), told.get("cache_hit") in (True, "True", "true")
    start, end = _moment(told.get("startTime")), _moment(told.get("endTime"))
    if start is None and end is None:
        raise UserError("startTime is missing")
    event = Event(
        time=start or end or EPOCH,
        request_id=_text(told, "litellm_call_id", "id") or _missing("litellm_call_id"),
        provider=_text(told, "custom_llm_provider"),
        model=_text(told, "model", "model_group") or _missing("model"),
        status="cache_hit" if hit else _status(_text(told, "status")),
        service_tier=_text(usage, "service_tier") or _text(told, "service_tier"),
        latency_ms=max(0, round((end - start).total_seconds() * 1000)) if start and end else None,
        estimated=told.get("estimated") is True,
        **({} if hit else _tokens(told, usage)),
        **_owners(told),
    )
    if (wrong := tidy(event)) is not None:
        raise UserError(wrong)
    return event


def _status(said: str | None) -> str:
    return STATES.get(said, said) if said else "ok"


def _usage(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return _object(_object(told.get("metadata")).get("usage_object")) or _object(told.get("usage_object"))


def _tokens(told: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, Any]:
    """The gateway's prompt_tokens hold cached ones too; what was cached is told by its provider's usage, in one of two spellings."""
    of_prompt, of_output = _object(usage.get("prompt_tokens_details")), _object(usage.get("completion_tokens_details"))
    lifetimes = _object(of_prompt.get("cache_creation_token_details")) or _object(usage.get("cache_creation"))
    hour = _count(lifetimes, "ephemeral_1h_input_tokens")
    written = _count(usage, "cache_creation_input_tokens") or _count(of_prompt, "cache_creation_tokens", "cache_write_tokens")
    found = {
        "input_tokens": _count(told, "prompt_tokens") or _count(usage, "prompt_tokens", "input_tokens"),
        "output_tokens": _count(told, "completion_tokens") or _count(usage, "completion_tokens", "output_tokens"),
        "cache_read_tokens": _count(of_prompt, "cached_tokens") or _count(usage, "cache_read_input_tokens"),
        "cache_write_5m_tokens": max(written - hour, _count(lifetimes, "ephemeral_5m_input_tokens")),
        "cache_write_1h_tokens": hour,
        "reasoning_tokens": _count(of_output, "reasoning_tokens"),
    }
    if not any(found.values()) and told.get("prompt_tokens") is None:
        raise UserError("no count of tokens is given, such as prompt_tokens")
    return found


def _owners(told: Mapping[str, Any]) -> dict[str, Any]:
    """The gateway's key goes before the client's own words: those can be made up."""
    metadata = _object(told.get("metadata"))
    client = _object(metadata.get("requester_metadata"))
    found = {field: text for field in CLIENT_SAYS if (text := _text(client, field))}
    found |= {"user": end_user} if (end_user := _text(told, "end_user")) else {}
    return found | {field: text for field, names in KEY_SAYS.items() if (text := _text(metadata, *names))}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(told: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        value = told.get(name)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def _count(told: Mapping[str, Any], *names: str) -> int:
    for name in names:
        value = told.get(name)
        if value is None:
            continue
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TOKENS:
            raise UserError(f"{name} is {str(value)[:40]!r}, not a count of tokens")
        return value
    return 0


def _moment(value: Any) -> datetime | None:
    """The gateway writes seconds of Unix time, or a time as text where somebody made one of it."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return EPOCH + timedelta(seconds=value)
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UserError(f"'{str(value)[:40]}' is not a time") from None
    return None


def _missing(name: str) -> str:
    raise UserError(f"{name} is missing")
