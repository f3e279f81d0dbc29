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

# Which load answers for a billing period: the one row that publishing flips.
live = Table(
    "live",
    metadata,
    Column("source", String(120), primary_key=True),
    Column("period", String(7), primary_key=True),
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

# Append only; written in the transaction of the change it tells of.
audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("action", String(60), nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", Text, nullable=False),
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
