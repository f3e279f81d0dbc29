"""Anthropic's cost and usage reports as lines and counts."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from finops.errors import SourceError
from finops.sources.llm_bills import Window, shown
from finops.sources.llm_lines import NOTHING, Line, Traits, Used

# Their word → ours.
TOKEN_TYPES: Final = {
    "uncached_input_tokens": "input",
    "output_tokens": "output",
    "cache_read_input_tokens": "cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write_5m",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
}
NO_REGION: Final = "not_available"  # of models that cannot be asked for a place
COMMITTED: Final = "priority"  # tiers paid for in advance: the cost report leaves them out


def lines(buckets: Iterable[Mapping[str, Any]], window: Window) -> list[Line]:
    """Return the lines of a cost report; its amounts are cents in decimal text. Raises SourceError."""
    return [_line(day, row) for day, row in _rows(buckets, window) if _dollars(row) != NOTHING]


def used(buckets: Iterable[Mapping[str, Any]], window: Window) -> list[Used]:
    """Return the token counts of a usage report; the kinds of tokens exclude each other. Raises SourceError."""
    return [each for day, row in _rows(buckets, window) for each in _counts(day, row)]


def _rows(buckets: Iterable[Mapping[str, Any]], window: Window) -> Iterator[tuple[date, Mapping[str, Any]]]:
    for bucket in buckets:
        try:
            day = datetime.fromisoformat(bucket["starting_at"]).date()
            rows = list(bucket["results"])
        except (KeyError, TypeError, ValueError):
            raise SourceError(f"Anthropic answered a day that cannot be read ({shown(bucket)}); try again later") from None
        if window.holds(day):
            yield from ((day, row) for row in rows)


def _line(day: date, row: Mapping[str, Any]) -> Line:
    tokens = row.get("token_type")
    return Line(
        day=day,
        amount=_dollars(row),
        currency=str(row.get("currency") or "USD").upper(),
        account=row.get("workspace_id"),
        item=str(row.get("description") or row.get("cost_type") or "costs without a description"),
        model=row.get("model"),
        token_type=TOKEN_TYPES.get(tokens, tokens) if tokens else None,
        traits=_traits(row),
    )


def _dollars(row: Mapping[str, Any]) -> Decimal:
    amount = row.get("amount")
    try:
        cents = Decimal(str(amount))
    except InvalidOperation:
        cents = Decimal("NaN")
    if not cents.is_finite():
        raise SourceError(f"Anthropic answered the amount {amount!r}, which is no number of cents; try again later")
    return cents.scaleb(-2)


def _counts(day: date, row: Mapping[str, Any]) -> Iterator[Used]:
    traits = _traits(row)
    billable = not (traits.tier or "").startswith(COMMITTED)
    for theirs, ours in TOKEN_TYPES.items():
        first, _, second = theirs.partition(".")
        count = (row.get(first) or {}).get(second) if second else row.get(first)
        if count:
            yield Used(day, row.get("workspace_id"), row.get("model"), ours, int(count), traits, billable=billable)


def _traits(row: Mapping[str, Any]) -> Traits:
    region = row.get("inference_geo")
    return Traits(row.get("service_tier"), row.get("context_window"), None if region == NO_REGION else region)
