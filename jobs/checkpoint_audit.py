"""Signs the audit."""

from typing import Final

from finops.ledger.audit import keys_of
from finops.ledger.checkpoints import write_checkpoint
from jobs.registry import Tools, job

BY_HAND: Final = "manual:"  # the period of a run that somebody asked for


@job("checkpoint-audit", every="5m")
def checkpoint_audit(tools: Tools) -> str:
    """Sign the audit as it stands, every 500 entries and at least each hour, outside of the database."""
    engine, at_once = tools.ledger.engine, tools.period.startswith(BY_HAND)
    made = write_checkpoint(engine, keys_of(engine), tools.settings.audit_checkpoints, tools.now, at_once=at_once)
    return f"signed {made.size} entries" if made else "no checkpoint is due"
