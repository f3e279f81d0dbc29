"""Service tiers by one name each, whoever reports them."""

from typing import Final

STANDARD: Final = "standard"
TIERS: Final = (STANDARD, "batch", "flex", "priority", "fast")
# What providers say when nothing special was asked for.
_STANDARD_TOO: Final = frozenset({"", "standard", "default", "auto", "on_demand", "on-demand", "none"})


def tier_name(written: str | None) -> str:
    """Return our name of a tier; one nobody here knows keeps its own, so that it is not priced as standard."""
    folded = (written or "").strip().casefold()
    if folded in _STANDARD_TOO:
        return STANDARD
    return "batch" if folded in ("batches", "batch_api") else folded
