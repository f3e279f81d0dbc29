"""Keeps daily sums beside the files of a very large ledger."""

from finops.ledger.upkeep import roll_up as write_sums
from jobs.registry import Tools, job


@job("roll-up", daily="03:40")
def roll_up(tools: Tools) -> str:
    """Write daily sums beside the files of a ledger of 50 million rows or more, where they make questions quicker."""
    written = write_sums(tools.ledger)
    return f"wrote daily sums beside {written} files" if written else "nothing to sum up"
