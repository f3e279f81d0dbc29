"""Tables of proposals and the votes on them."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from finops.guard.proposals import FINAL
from finops.ledger.tables import Moment, metadata

# A frozen plan and where it stands. `version` counts its moves; `number` is never used again. `owner` decides where the
# policy names nobody, `route` is where it is shown, `reason` why it moved last.
proposals = Table(
    "proposals",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("finding", Text, nullable=False),
    Column("lever", String(60), nullable=False),
    Column("plan", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("policy", Text, nullable=False),
    Column("requester", String(120), nullable=False),
    Column("requester_identity", String(320)),
    Column("owner", String(120)),
    Column("route", String(300), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("execute_by", Moment),
    Column("ends_at", Moment),
    Column("decided_by", String(120)),
    Column("decided_at", Moment),
    Column("changed_at", Moment, nullable=False),
    Column("reason", Text),
    Index("proposals_by_state", "state"),
    sqlite_autoincrement=True,
)
still_open = proposals.c.state.not_in(sorted(FINAL))
Index("proposals_open_once", proposals.c.finding, proposals.c.digest, unique=True, sqlite_where=still_open, postgresql_where=still_open)

# One vote of each human on each proposal, with the groups they were in when they gave it.
votes = Table(
    "votes",
    metadata,
    Column("proposal", Integer, ForeignKey("proposals.number"), primary_key=True),
    Column("human", String(320), primary_key=True),
    Column("voter", String(120), nullable=False),
    Column("decision", String(10), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("groups", Text, nullable=False),
    Column("strength", String(40), nullable=False),
    Column("reason", Text),
    Column("request", Text),
    Column("at", Moment, nullable=False),
    UniqueConstraint("proposal", "voter", name="votes_once_each"),
)
