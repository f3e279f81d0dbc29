"""Compacts usage."""

from finops.ledger.usage_compaction import compact
from jobs.registry import Tools, job


@job("compact-usage", every="15m")
def compact_usage(tools: Tools) -> str:
    """Merge the many small files of LLM requests into few large ones; no figure changes."""
    done = compact(tools.ledger, tools.now)
    return f"merged {done.replaced} files of usage into {done.made}, {done.rows:,} requests" if done.made else "nothing to merge"
