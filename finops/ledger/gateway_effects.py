"""What gateways shall do because people agreed to it: counted while its proposal is in force, told under a new version."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, delete, func, insert, or_, select, update

from finops.errors import LeverError
from finops.guard.plans import Plan
from finops.guard.proposals import IN_FORCE
from finops.guard.snapshot import Effect
from finops.ledger.gateway import bump
from finops.ledger.loads import record
from finops.ledger.state import writing
from finops.ledger.tables_effects import gateway_effects as rows
from finops.ledger.tables_proposals import proposals
from finops.ports import Standing

ACTOR: Final = "gateway-lever"
AGREED: Final = "executing"  # the one state in which something may be applied


def in_force(source: Connection | Engine, now: datetime) -> list[Effect]:
    """Return what gateways must do at `now`, in the order it came into force."""
    if isinstance(source, Engine):
        with source.connect() as connection:
            return in_force(connection, now)
    found = source.execute(_alive(now).order_by(rows.c.added_at, rows.c.digest, rows.c.target))
    return [Effect(f"P-{row.number}", row.lever, row.target, json.loads(row.parameters), row.until) for row in found]


class Board:
    """What gateways are told because people agreed to it, in one state database."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self.now = clock

    def standing_on(self, lever: str, target: str) -> list[dict[str, Any]]:
        """Return all that a lever does to a target now, whoever asked for it."""
        with self._engine.connect() as connection:
            return [_plain(row) for row in connection.execute(_on(lever, target, self.now()))]

    def standing(self, plan: Plan, target: str) -> Standing:
        with self._engine.connect() as connection:
            return _standing(connection, plan, target, self.now())

    def put(self, plan: Plan, target: str) -> None:
        """Bring one target into force, with the version gateways learn it by. Raises LeverError where nobody agreed to exactly this."""
        with writing(self._engine) as tx:
            now = self.now()
            if not _is_agreed(tx, plan.digest):
                raise LeverError(f"nobody agreed to the plan {plan.short_digest}, or it is not being carried out; nothing was moved")
            standing = _standing(tx, plan, target, now)
            if standing == "changed":
                raise LeverError(f"{target} is not as it was when the plan was made; ask again with a new one")
            if standing == "as before":
                version = _add(tx, plan, target, now)
                record(tx, now, ACTOR, "gateway.apply", target, {"plan": plan.digest, "lever": plan.lever, "version": version})

    def take_away(self, plan: Plan, target: str) -> None:
        """Take out of force what this very plan put there."""
        with writing(self._engine) as tx:
            now = self.now()
            if _removed(tx, plan.digest, target):
                bump(tx, now, f"ended {plan.short_digest}")
                record(tx, now, ACTOR, "gateway.revert", target, {"plan": plan.digest, "lever": plan.lever})


def _is_agreed(tx: Connection, digest: str) -> bool:
    """Say whether exactly this plan is being carried out now."""
    wanted = select(proposals.c.number).where(proposals.c.digest == digest, proposals.c.state == AGREED)
    return tx.execute(wanted.limit(1)).first() is not None


def _standing(connection: Connection, plan: Plan, target: str, now: datetime) -> Standing:
    mine = (rows.c.digest == plan.digest, rows.c.target == target, _not_over(now))
    own = connection.execute(select(rows.c.parameters).where(*mine)).scalar()
    if own is not None:
        return "applied" if json.loads(own) == dict(plan.parameters) else "changed"
    others = [_plain(row) for row in connection.execute(_on(plan.lever, target, now)) if row.digest != plan.digest]
    return "as before" if others == plan.before[target].get("in_force") else "changed"


def _add(tx: Connection, plan: Plan, target: str, now: datetime) -> int:
    _removed(tx, plan.digest, target)  # what was over and not yet put back
    values: dict[str, Any] = {"digest": plan.digest, "target": target, "lever": plan.lever, "added_at": now}
    until = None if plan.lasts is None else now + plan.lasts
    tx.execute(insert(rows).values(**values, parameters=_json(plan.parameters), until=until))
    return bump(tx, now, f"{plan.lever} {plan.short_digest}")


def _removed(tx: Connection, digest: str, target: str) -> bool:
    return tx.execute(delete(rows).where(rows.c.digest == digest, rows.c.target == target)).rowcount > 0


def hand_over(tx: Connection, old: str, new: str, until: datetime | None, now: datetime) -> None:
    """Let what one plan has in force go on under another one, without a moment in between."""
    if tx.execute(update(rows).where(rows.c.digest == old).values(digest=new, until=until)).rowcount:
        bump(tx, now, f"renewed {new[:10]}")


def _alive(now: datetime) -> Any:
    """Each row whose plan is in force, named by the newest proposal of that plan."""
    holding = (
        select(proposals.c.digest, func.max(proposals.c.number).label("number"))
        .where(proposals.c.state.in_(sorted(IN_FORCE)))
        .group_by(proposals.c.digest)
        .subquery("holding")
    )
    return select(rows, holding.c.number).join(holding, holding.c.digest == rows.c.digest).where(_not_over(now))


def _on(lever: str, target: str, now: datetime) -> Any:
    return _alive(now).where(rows.c.lever == lever, rows.c.target == target).order_by(rows.c.added_at, rows.c.digest)


def _not_over(now: datetime) -> Any:
    return or_(rows.c.until.is_(None), rows.c.until > now)


def _plain(row: Row[Any]) -> dict[str, Any]:
    return {"parameters": json.loads(row.parameters), "plan": row.digest}


def _json(parameters: Mapping[str, Any]) -> str:
    return json.dumps(dict(parameters), sort_keys=True, allow_nan=False)
