"""The state database: which deliveries there are, which files are live, what was asked, who did what."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)


class Moment(TypeDecorator[datetime]):
    """An instant; always UTC, with its offset in Python and without one in the database."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


class Exact(TypeDecorator[Decimal]):
    """A decimal kept as text: SQLite would make a float of it. Never summed in the database."""

    impl = String(60)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return format(value, "f") if value is not None else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return Decimal(value) if value is not None else None


metadata = MetaData()

# One delivery's part for one billing period. `id` is a digest of the delivered bytes and the period.
# A bill answers for a whole (source, period), so its slot is ''; batches of usage or samples have a slot each.
loads = Table(
    "loads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("source", String(120), nullable=False),
    Column("period", String(7), nullable=False),
    Column("delivered_at", Moment, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("status", String(12), nullable=False),
    Column("reason", Text),
    Column("rows", BigInteger, nullable=False),
    Column("first_day", Date),
    Column("last_day", Date),
    Column("kind", String(10), nullable=False),
    Column("slot", String(64), nullable=False),
    Index("loads_by_period", "source", "period"),
)

# The Parquet files of a load. A file that was derived anew is retired and its successor takes its place.
files = Table(
    "files",
    metadata,
    Column("path", String(400), primary_key=True),
    Column("load_id", String(64), ForeignKey("loads.id"), nullable=False, index=True),
    Column("sha256", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("derived", String(16), nullable=False),
    Column("retired_at", Moment),
)

# Which load answers for a slot of a period: the one row that publishing flips.
live = Table(
    "live",
    metadata,
    Column("source", String(120), primary_key=True),
    Column("period", String(7), primary_key=True),
    Column("slot", String(64), primary_key=True),
    Column("load_id", String(64), ForeignKey("loads.id"), nullable=False),
)

control_totals = Table(
    "control_totals",
    metadata,
    Column("load_id", String(64), ForeignKey("loads.id"), primary_key=True),
    Column("currency", String(3), primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("billed", Exact, nullable=False),
    Column("effective", Exact, nullable=False),
    Column("list", Exact),
    Column("contracted", Exact),
)

load_days = Table(
    "load_days",
    metadata,
    Column("load_id", String(64), ForeignKey("loads.id"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("currency", String(3), primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("effective", Exact, nullable=False),
)

bad_rows = Table(
    "bad_rows",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("load_id", String(64), ForeignKey("loads.id"), nullable=False, index=True),
    Column("file", Text, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("excerpt", Text, nullable=False),
)

# Append only, which triggers see to; written in the transaction of the change it tells of. Numbered without gaps, and each
# entry is bound by `hash` to the one before it (`prev`), sealed with the key called `key`.
audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("action", String(60), nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("strength", Text),
    Column("before", Text),
    Column("after", Text),
    Column("reason", Text),
    Column("request", Text),
    Column("config", Text),
    Column("key", String(12), nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

questions = Table(
    "questions",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("asked_at", Moment, nullable=False),
    Column("asked_by", String(120), nullable=False),
    Column("query", Text, nullable=False),
)

# Deliveries and clicks already taken: Slack sends some twice.
taken = Table("taken", metadata, Column("key", String(200), primary_key=True), Column("at", Moment, nullable=False, index=True))

# The days for which a load bills usage of a provider: estimates of these give way to it.
coverage = Table(
    "coverage",
    metadata,
    Column("load_id", String(64), ForeignKey("loads.id"), primary_key=True),
    Column("provider", String(200), primary_key=True),
    Column("day", Date, primary_key=True),
)

# Requests already taken in, by the first 16 bytes of a digest of their id: one that comes again changes nothing.
seen_requests = Table(
    "seen_requests",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("day", Date, nullable=False),
    sqlite_with_rowid=False,
)

# Deliveries of connectors that were looked at, so that nothing is fetched twice: `id` names the delivered objects.
offers = Table(
    "offers",
    metadata,
    Column("source", String(120), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("period", String(7), nullable=False),
    Column("delivered_at", Moment, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("taken_at", Moment),
    Column("what", Text, nullable=False),
    Column("waiting", Text),
)

# Small facts that a connector goes on from: `export_time` of the newest row, the last sampled instant.
watermarks = Table(
    "watermarks", metadata, Column("name", String(200), primary_key=True), Column("value", Text, nullable=False), Column("at", Moment)
)

# Who runs a job for a period; the primary key is what makes every period run once. `run` names the attempt that holds it.
# A slot's `due_at` is the instant it was due; a run by hand has none. `waiting` may be taken by anybody after `lease_until`.
claims = Table(
    "claims",
    metadata,
    Column("job", String(60), primary_key=True),
    Column("period", String(40), primary_key=True),
    Column("due_at", Moment),
    Column("holder", String(120), nullable=False),
    Column("run", Integer, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", Moment, nullable=False),
    Index("claims_by_due", "job", "due_at"),
)
_running = claims.c.state == "running"
Index("claims_one_running", claims.c.job, unique=True, sqlite_where=_running, postgresql_where=_running)

job_runs = Table(
    "job_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", String(60), nullable=False, index=True),
    Column("period", String(40), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("state", String(10), nullable=False),
    Column("result", Text),
    Column("error", Text),
    Column("holder", String(120), nullable=False),
    sqlite_autoincrement=True,  # an id names an attempt for ever, also after old runs were dropped
)

# What is wrong with a job at present and who was told: one notice a failure, one when it is over.
# Whoever tells holds the row for a moment, so that two processes tell once.
job_troubles = Table(
    "job_troubles",
    metadata,
    Column("job", String(60), primary_key=True),
    Column("since", Moment, nullable=False),
    Column("error", Text, nullable=False),
    Column("next_step", Text, nullable=False),
    Column("recovered_at", Moment),
    Column("told_at", Moment),
    Column("teller", String(120)),
    Column("telling_until", Moment),
)

# What comparing a day's estimate with its bill found: of each model, and of all of them where `model` is ''. Written anew with
# every check; `alerted_at` stays with a day that is still beyond the tolerance. `loads` lists the bills it was compared with.
reconciliations = Table(
    "reconciliations",
    metadata,
    Column("provider", String(200), primary_key=True),
    Column("model", String(200), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("currency", String(3), primary_key=True),
    Column("end_day", Date, nullable=False),
    Column("estimated", Exact),
    Column("billed", Exact),
    Column("difference", Exact),
    Column("share", Exact),
    Column("status", String(20), nullable=False),
    Column("causes", Text, nullable=False),
    Column("loads", Text, nullable=False),
    Column("as_of", Moment),
    Column("checked_at", Moment, nullable=False),
    Column("alerted_at", Moment),
    Index("reconciliations_by_day", "day"),
)
