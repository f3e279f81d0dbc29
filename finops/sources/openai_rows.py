"""OpenAI's cost and usage reports as lines and counts."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from finops.errors import SourceError
from finops.sources.llm_bills import Window, shown
from finops.sources.llm_lines import NOTHING, REQUESTS, TOKENS, Line, Traits, Used

TIERS: Final = {"default": "standard", "auto": "standard", "standard": "standard", "flex": "flex", "priority": "priority", "batch": "batch"}
MODALITIES: Final = ("text", "audio", "image")

# Their words for tokens → ours. The ledger knows short and long cache writes; 30 minutes are short, 12 hours long.
TOKEN_TYPES: Final = {
    "input": "input",
    "cached input": "cache_read",
    "cache write": "cache_write_5m",
    "cache write 30m": "cache_write_5m",
    "cache write 12h": "cache_write_1h",
    "output": "output",
}

# Their unit → FOCUS's, and how many of it one is.
UNITS: Final[dict[str, tuple[str, int]]] = {
    "tokens": (TOKENS, 1),
    "1000_tokens": (TOKENS, 1000),
    "duration_seconds": ("Seconds", 1),
    "duration_minutes": ("Minutes", 1),
    "duration_hours": ("Hours", 1),
    "gibibyte_hours": ("GiB-Hours", 1),
    "images": ("Images", 1),
    "characters": ("Characters", 1),
}
ITEM: Final = re.compile(
    r"(?:(?P<tier>[a-z]+) \| )?(?P<model>[A-Za-z0-9][\w.:-]*)(?: (?P<modality>[a-z]+))?, (?P<words>[^,]+)(?:, (?P<more>.+))?"
)


def lines(buckets: Iterable[Mapping[str, Any]], window: Window) -> list[Line]:
    """Return the lines of a cost report; its amounts are dollars. Raises SourceError."""
    return [_line(day, row) for day, row in _rows(buckets, window) if _amount(row)[0] != NOTHING]


def completions(buckets: Iterable[Mapping[str, Any]], window: Window) -> list[Used]:
    """Return token and request counts; of the input tokens, those from and into a cache are counted apart. Raises SourceError."""
    return [each for day, row in _rows(buckets, window) for each in (*_tokens(day, row), _requests(day, row))]


def embeddings(buckets: Iterable[Mapping[str, Any]], window: Window) -> list[Used]:
    """Return token and request counts of embeddings, which have input only. Raises SourceError."""
    return [
        each
        for day, row in _rows(buckets, window)
        for each in (Used(day, row.get("project_id"), row.get("model"), "input", _count(row, "input_tokens")), _requests(day, row))
    ]


def _rows(buckets: Iterable[Mapping[str, Any]], window: Window) -> Iterator[tuple[date, Mapping[str, Any]]]:
    for bucket in buckets:
        try:
            day = datetime.fromtimestamp(int(bucket["start_time"]), UTC).date()
            rows = list(bucket["results"])
        except (KeyError, TypeError, ValueError):
            raise SourceError(f"OpenAI answered a day that cannot be read ({shown(bucket)}); try again later") from None
        if window.holds(day):
            yield from ((day, row) for row in rows)


def _line(day: date, row: Mapping[str, Any]) -> Line:
    amount, currency = _amount(row)
    item = str(row.get("line_item") or "costs without a line item")
    model, token_type, traits = parsed(item)
    unit, size = UNITS.get(str(row.get("quantity_unit")), (None, 1))
    quantity = row.get("quantity") if unit else None
    return Line(
        day=day,
        amount=amount,
        currency=currency,
        account=row.get("project_id"),
        item=item,
        model=model,
        token_type=token_type,
        traits=traits,
        quantity=None if quantity is None else Decimal(str(quantity)) * size,
        unit=None if quantity is None else unit,
    )


def parsed(item: str) -> tuple[str | None, str | None, Traits]:
    """Return model, kind of token and traits that a line item such as `priority | gpt-5, cached input` names."""
    found = ITEM.fullmatch(item.strip())
    if not found or (found["tier"] and found["tier"] not in TIERS) or (found["modality"] and found["modality"] not in MODALITIES):
        return None, None, Traits()
    words = found["words"].replace("_", " ").removesuffix(" tokens").strip()
    return found["model"], TOKEN_TYPES.get(words), Traits(TIERS.get(found["tier"] or ""), found["more"], None, found["modality"])


def _amount(row: Mapping[str, Any]) -> tuple[Decimal, str]:
    amount = row.get("amount")
    value = amount.get("value") if isinstance(amount, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise SourceError(f"OpenAI answered the amount {shown(amount)}, which is no number of dollars; try again later")
    assert isinstance(amount, Mapping)
    return Decimal(value), str(amount.get("currency") or "usd").upper()


def _tokens(day: date, row: Mapping[str, Any]) -> Iterator[Used]:
    tier = "batch" if row.get("batch") else TIERS.get(str(row.get("service_tier")), row.get("service_tier"))
    for token_type, modality, count in _kinds(row):
        if count > 0:
            yield Used(day, row.get("project_id"), row.get("model"), token_type, count, Traits(tier, None, None, modality))


def _kinds(row: Mapping[str, Any]) -> Iterator[tuple[str, str | None, int]]:
    cached, written, long = (_count(row, f"input_{name}_tokens") for name in ("cached", "cache_write", "cache_write_12h"))
    short = max(written - long, _count(row, "input_cache_write_30m_tokens"))
    fresh = row.get("input_uncached_tokens")
    fresh = int(fresh) if fresh is not None else _count(row, "input_tokens") - cached - short - long
    yield from _by_modality(row, "input", "input_{}_tokens", fresh)
    yield from _by_modality(row, "cache_read", "input_cached_{}_tokens", cached)
    yield from _by_modality(row, "output", "output_{}_tokens", _count(row, "output_tokens"))
    yield from (("cache_write_5m", None, short), ("cache_write_1h", None, long))


def _by_modality(row: Mapping[str, Any], token_type: str, field: str, total: int) -> Iterator[tuple[str, str | None, int]]:
    """The split by modality counts only where it adds up to the whole."""
    split = [(modality, _count(row, field.format(modality))) for modality in MODALITIES]
    if sum(count for _, count in split) == total:
        yield from ((token_type, modality, count) for modality, count in split)
    else:
        yield token_type, None, total


def _requests(day: date, row: Mapping[str, Any]) -> Used:
    tier = "batch" if row.get("batch") else TIERS.get(str(row.get("service_tier")), row.get("service_tier"))
    return Used(day, row.get("project_id"), row.get("model"), None, _count(row, "num_model_requests"), Traits(tier), REQUESTS)


def _count(row: Mapping[str, Any], name: str) -> int:
    return int(row.get(name) or 0)
