"""What the gateways know and have been given: the version they go by, who their clients are, shares of daily quotas."""

from sqlalchemy import BigInteger, Column, Date, Index, Integer, String, Table, Text

from finops.ledger.tables import Exact, Moment, metadata

# One row. `version` only grows, in the transaction of whatever changes what gateways must do.
gateway_state = Table(
    "gateway_state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("bumped_at", Moment, nullable=False),
    Column("why", String(200), nullable=False),
    Column("configuration", String(64)),
)

# API keys of clients, known by their SHA-256 only. `identity` is a JSON object of dimensions.
gateway_keys = Table(
    "gateway_keys",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("identity", Text, nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("added_by", String(120), nullable=False),
    Column("revoked_at", Moment),
)

# Workers of gateways, and the version each said it goes by.
gateway_workers = Table(
    "gateway_workers",
    metadata,
    Column("id", String(120), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

# What one worker may use of a daily quota in all that day, and has. Numbers only grow, except that a worker gives back.
gateway_shares = Table(
    "gateway_shares",
    metadata,
    Column("limit_id", String(300), primary_key=True),
    Column("subject", String(300), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("worker", String(120), primary_key=True),
    Column("used_tokens", BigInteger, nullable=False),
    Column("used_cost", Exact, nullable=False),
    Column("allowed_tokens", BigInteger, nullable=False),
    Column("allowed_cost", Exact, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Index("gateway_shares_by_day", "day"),
)

# What workers told of: circuits that opened, models without a price, costs of nothing.
gateway_events = Table(
    "gateway_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("worker", String(120), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("detail", Text, nullable=False),
    Index("gateway_events_by_time", "at"),
)

# The burn rate each adaptive limit goes by, as it was worked out last, and as gateways were told it.
gateway_speeds = Table(
    "gateway_speeds",
    metadata,
    Column("quota", Text, primary_key=True),
    Column("burn", Exact, nullable=False),
    Column("told", Exact, nullable=False),
    Column("at", Moment, nullable=False),
)
