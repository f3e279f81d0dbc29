"""Sweeps the ledger's folder."""

from finops.ledger.upkeep import sweep
from jobs.registry import Tools, job


@job("sweep-ledger", daily="03:10")
def sweep_ledger(tools: Tools) -> str:
    """Remove files no question can need: leftovers of crashed loads and long replaced deliveries."""
    removed = sweep(tools.ledger, tools.now)
    return f"removed {len(removed)} files from the ledger's folder" if removed else "nothing to remove"
