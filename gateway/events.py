"""From the gateway's own record of a request to a usage event of ours."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway.limits import Dimensions
from gateway.prices import Tokens

OF_KEYS: Final = ("team", "project", "env", "feature", "user", "tenant", "route")
OF_CLIENTS: Final = ("feature", "task", "session")  # words of the client's own; no limit rests on them


def usage_of(record: Mapping[str, Any]) -> tuple[Tokens, int, int]:
    """Return the tokens of a success record, those written to a cache for an hour, and those spent on reasoning."""
    usage = _map(_map(record.get("metadata")).get("usage_object"))
    prompt, completion = _map(usage.get("prompt_tokens_details")), _map(usage.get("completion_tokens_details"))
    lifetimes = _map(prompt.get("cache_creation_token_details")) or _map(usage.get("cache_creation"))
    read = _count(prompt.get("cached_tokens")) or _count(usage.get("cache_read_input_tokens"))
    hour = _count(lifetimes.get("ephemeral_1h_input_tokens"))
    written = _count(usage.get("cache_creation_input_tokens")) or _count(prompt.get("cache_creation_tokens"))
    given = _count(record.get("prompt_tokens")) or _count(usage.get("prompt_tokens")) or _count(usage.get("input_tokens"))
    made = _count(record.get("completion_tokens")) or _count(usage.get("completion_tokens")) or _count(usage.get("output_tokens"))
    total = given if given >= read + written else given + read + written
    return Tokens(total, made, read, written), hour, _count(completion.get("reasoning_tokens"))


def usage_event(
    call: str, who: Dimensions, record: Mapping[str, Any], *, estimated: bool, client: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the event of a finished request. Who it was comes from the API key, never from the client."""
    hit = record.get("cache_hit") in (True, "True", "true")
    tokens, hour, reasoning = usage_of(record)
    start, end = _seconds(record.get("startTime")), _seconds(record.get("endTime"))
    provider, model = str(record.get("custom_llm_provider") or ""), str(record.get("model") or record.get("model_group") or "")
    event: dict[str, Any] = {
        "time": datetime.fromtimestamp(start or end or 0.0, UTC).isoformat().replace("+00:00", "Z"),
        "request_id": call,
        "provider": provider or None,
        "model": model.removeprefix(f"{provider}/") or "unknown",
        "input_tokens": 0 if hit else tokens.input,
        "output_tokens": 0 if hit else tokens.output,
        "status": "cache_hit" if hit else "ok",
        "latency_ms": max(0, round((end - start) * 1000)) if start and end else None,
    }
    if not hit:
        event |= {"cache_read_tokens": tokens.cache_read, "cache_write_5m_tokens": max(0, tokens.cache_write - hour)}
        event |= {"cache_write_1h_tokens": hour, "reasoning_tokens": min(reasoning, tokens.output)}
    event |= {name: str(value)[:200] for name in OF_CLIENTS if isinstance(value := (client or {}).get(name), str) and value}
    event |= {name: who[name] for name in OF_KEYS if name in who}
    if estimated:
        event["estimated"] = True
    return {name: value for name, value in event.items() if value is not None}


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
