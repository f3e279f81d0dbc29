"""The outbox: what is to be told to the world outside, kept until it certainly was."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from finops.ledger.tables import Moment, metadata

# One message, in the order of `id` within its route. `due_at` is when it is wanted (nothing: at once), `again_at` when it may be
# tried again. `attempts` counts the claims and so names the one that holds the row; `doubts` those that followed a lost answer.
# `channel` and `ts` say where the message stands; `instead_of` names the message that this one is the fallback of.
# `settled_at` is when it went out, was given up or dropped; of an open one, when it was taken up again after it was given up.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(400), nullable=False, unique=True),
    Column("route", String(300), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("object_id", String(300), nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("at", Moment, nullable=False),
    Column("due_at", Moment),
    Column("after", String(400)),
    Column("instead_of", String(400), index=True),
    Column("attempts", Integer, nullable=False),
    Column("doubts", Integer, nullable=False),
    Column("again_at", Moment),
    Column("lease_until", Moment),
    Column("settled_at", Moment),
    Column("channel", String(60)),
    Column("ts", String(60)),
    Column("error", Text),
    Index("outbox_by_state", "state", "settled_at"),
    sqlite_autoincrement=True,  # the order of a route must hold after old messages were dropped, too
)
_sending = outbox.c.state == "sending"
Index("outbox_one_sending", outbox.c.route, unique=True, sqlite_where=_sending, postgresql_where=_sending)
