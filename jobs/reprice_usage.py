"""Prices requests anew."""

from datetime import timedelta

from finops.ledger.usage_reprice import reprice
from finops.pricing.book import price_book
from jobs.registry import Tools, job


@job("reprice-usage", daily="03:40")
def reprice_usage(tools: Tools) -> str:
    """Bring LLM requests of this month and the last to the prices of today's list and budgets.yaml, where those were corrected."""
    month = tools.now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    since = (month - timedelta(days=1)).replace(day=1)
    done = reprice(tools.ledger, price_book(tools.rulebook.prices), since, tools.now)
    later = f"; {done.missed} files were being merged and wait for the next run" if done.missed else ""
    return f"priced {done.requests:,} requests anew in {done.files} files{later}" if done.files or done.missed else "no price has changed"
