"""Which alerts of idle machines are settled by what was done about them: a stopped machine sends no samples that could say so."""

import json

from sqlalchemy import Connection, select

from finops.configuration.rulebook_conditions import IdleGpu
from finops.ledger.tables_alerts import alerts, is_live
from finops.ledger.tables_effects import effects
from finops.ledger.tables_proposals import proposals


def settled_by(source: Connection) -> dict[str, str]:
    """Return by the key of each live alert which proposals in force have moved every machine that it tells of, such as `P-12`."""
    told = source.execute(select(alerts.c.key, alerts.c.finding).where(is_live, alerts.c.kind == IdleGpu.kind)).all()
    moved = _moved(source, [row.key for row in told])
    found: dict[str, str] = {}
    for row in told:
        here = moved.get(row.key, {})
        machines = [each["target"] for each in json.loads(row.finding).get("evidence", {}).get("machines", ())]
        if machines and all(target in here for target in machines):
            found[row.key] = " and ".join(sorted({here[target] for target in machines}))
    return found


def _moved(source: Connection, keys: list[str]) -> dict[str, dict[str, str]]:
    """By the key of a finding, which proposal moved each target."""
    found: dict[str, dict[str, str]] = {}
    if keys:
        wanted = select(proposals.c.finding, proposals.c.number, effects.c.target).join(effects, effects.c.proposal == proposals.c.number)
        in_force = proposals.c.state == "active", effects.c.state == "applied", proposals.c.finding.in_(keys)
        for row in source.execute(wanted.where(*in_force)):
            found.setdefault(row.finding, {})[row.target] = f"P-{row.number}"
    return found
