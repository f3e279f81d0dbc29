"""Catches up with the outbox, whose messages the bot delivers by itself."""

from jobs.registry import Tools, job


@job("deliver-outbox", every="15m")
def deliver_outbox(tools: Tools) -> str:
    """Deliver what waits in the outbox; the bot does so by itself every few seconds."""
    return tools.deliver() if tools.deliver else "nothing here delivers; run it as finops-bot job deliver-outbox"
