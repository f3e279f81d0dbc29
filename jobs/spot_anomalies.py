"""Looks through the ledger for what is not as usual; each cause is told once, where whoever owns it will see it."""

from jobs.registry import Tools, job


@job("spot-anomalies", every="1h")
def spot_anomalies(tools: Tools) -> str:
    """Look for spikes, shifts, drifts, drops and new spend, by days and by hours, and tell each cause once."""
    from jobs.anomalies_told import look_through  # arrays and their library: only where it runs

    return look_through(tools)
