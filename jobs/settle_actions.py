"""Settles what acts: nothing stays half-done, nothing outlives its time, and what was promised is measured."""

from finops.errors import FinopsError
from finops.ledger.carrying_out import Settled, settle
from finops.ledger.measuring import report_due
from finops.pricing.book import price_book
from jobs.acting import hands
from jobs.registry import Tools, job


@job("settle-actions", every="1m")
def settle_actions(tools: Tools) -> str:
    """Finish what a crash left half-done, end what is over, and tell what actions saved."""
    ours = hands(tools.ledger, tools.settings, lambda: tools.rulebook.guard, lambda: tools.now, "settle-actions", lambda: tools.rulebook)
    done = settle(ours)
    told = report_due(tools.ledger, price_book(tools.rulebook.prices), tools.now, ours.levers)
    if done.problems:
        raise FinopsError(f"not everything could be settled: {'; '.join(done.problems)}")
    return sentence(done, len(told))


def sentence(done: Settled, measured: int) -> str:
    said = [change.said for change in done.moved] + ([f"measured {measured}"] if measured else [])
    return "; ".join(said) or "nothing to settle"
