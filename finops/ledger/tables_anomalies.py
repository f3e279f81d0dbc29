"""Tables of anomalies, of what people said of them, and of when each grain was last looked through."""

from sqlalchemy import Column, Date, Float, Index, Integer, String, Table, Text

from finops.ledger.tables import Moment, metadata

# One row for each anomaly, for ever, under the id it was first found by. `seen` is how the last look saw it, `shown` the course and the
# drivers its message shows (both JSON). `told` is the excess people last heard of, `told_with` the anomaly whose message tells of this
# one, `route` where its own message stands. `version` counts its changes.
anomalies = Table(
    "anomalies",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("step", String(4), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("seen", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("told", Float, nullable=False),
    Column("since", Date, nullable=False),
    Column("told_with", String(20)),
    Column("route", String(300)),
    Column("told_at", Moment),
    Column("opened_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String(120), nullable=False),
    Column("until", Date),
    Column("reason", Text),
    Index("anomalies_by_state", "state"),
    Index("anomalies_by_route", "route", "told_at"),
    Index("anomalies_told_with", "told_with"),
)
is_live = anomalies.c.state.in_(("open", "growing", "acknowledged", "expected"))  # LIVE of anomalies_states, which is heavy to load

# What people said, kept for ever: later looks learn from it. `scope` is JSON, a list of pairs.
anomaly_words = Table(
    "anomaly_words",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("anomaly", String(20), nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("scope", Text, nullable=False),
    Column("told_on", Date, nullable=False),
    Column("began", Date, nullable=False),
    Column("excess", Float, nullable=False),
    Column("pattern", String(20), nullable=False),
    Column("until", Date),
    Column("reason", Text, nullable=False),
    Column("by", String(120), nullable=False),
    Column("at", Moment, nullable=False),
    sqlite_autoincrement=True,
)

# When each grain was last looked through, and how many series that were: without it nobody can say that nothing is open.
anomaly_looks = Table(
    "anomaly_looks",
    metadata,
    Column("step", String(4), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("series", Integer, nullable=False),
)
