"""Tables of alerts, and of what is remembered between two looks at what is watched."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from finops.guard.alert_states import LIVE
from finops.ledger.tables import Moment, metadata

# One alert for each finding's key, for ever. `routes` are where it was told (a JSON list, the first under the key alert:A-n);
# `told_with` is the graver alert in whose message it is listed. `version` counts its moves. `steps` are proposals it asks for
# (a JSON list), settled at `asked_at`.
alerts = Table(
    "alerts",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("key", String(400), nullable=False, unique=True),
    Column("watcher", String(300), nullable=False),
    Column("rule", String(300), nullable=False),
    Column("kind", String(60), nullable=False),
    Column("period", String(40), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("finding", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("routes", Text, nullable=False),
    Column("told_with", Integer),
    Column("steps", Text),
    Column("asked_at", Moment),
    Column("opened_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String(120), nullable=False),
    Column("until", Moment),
    Column("reason", Text),
    Index("alerts_by_state", "state"),
    Index("alerts_by_rule", "rule", "opened_at"),
    Index("alerts_told_with", "told_with"),
    sqlite_autoincrement=True,
)
is_live = alerts.c.state.in_(sorted(LIVE))

# What holds, since when without a gap, when it was last seen to hold, and at how many looks one after another.
watch_marks = Table(
    "watch_marks",
    metadata,
    Column("name", String(400), primary_key=True),
    Column("since", Moment, nullable=False),
    Column("last", Moment, nullable=False),
    Column("times", Integer, nullable=False),
)
