"""Proposals and votes; the audit becomes a chain that nothing can change."""

import sqlalchemy as sa
from alembic import op

from finops.ledger.audit_chain import UNKEYED, Entry, sealed_anew
from finops.ledger.tables import Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OPEN = "state NOT IN ('ended', 'denied', 'expired', 'cancelled', 'superseded', 'compensated', 'failed', 'compensation_failed')"
REFUSAL = "the audit is append only"


def upgrade() -> None:
    _proposals()
    _votes()
    _chain()
    _append_only()


def _proposals() -> None:
    op.create_table(
        "proposals",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("lever", sa.String(60), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("requester", sa.String(120), nullable=False),
        sa.Column("requester_identity", sa.String(320)),
        sa.Column("owner", sa.String(120)),
        sa.Column("route", sa.String(300), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("execute_by", sa.DateTime()),
        sa.Column("ends_at", sa.DateTime()),
        sa.Column("decided_by", sa.String(120)),
        sa.Column("decided_at", sa.DateTime()),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("reason", sa.Text()),
        sqlite_autoincrement=True,
    )
    still_open = sa.text(OPEN)
    op.create_index(
        "proposals_open_once", "proposals", ["finding", "digest"], unique=True, sqlite_where=still_open, postgresql_where=still_open
    )
    op.create_index("proposals_by_state", "proposals", ["state"])


def _votes() -> None:
    op.create_table(
        "votes",
        sa.Column("proposal", sa.Integer(), sa.ForeignKey("proposals.number"), primary_key=True),
        sa.Column("human", sa.String(320), primary_key=True),
        sa.Column("voter", sa.String(120), nullable=False),
        sa.Column("decision", sa.String(10), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("strength", sa.String(40), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("request", sa.Text()),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.UniqueConstraint("proposal", "voter", name="votes_once_each"),
    )


def _chain() -> None:
    """Chain what was written before there was a chain, with the key of the process that migrates, and number it without gaps."""
    op.create_table(
        "audit_chained",
        sa.Column("seq", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text()) for name in ("strength", "before", "after", "reason", "request", "config")),
        sa.Column("key", sa.String(12), nullable=False),
        sa.Column("prev", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="audit_by_number"),
    )
    connection = op.get_bind()
    keys = connection.get_execution_options().get("audit_keys", UNKEYED)
    names = ("seq", "at", "actor", "action", "object", "detail")
    before = sa.table("audit", *(sa.column(name, Moment() if name == "at" else None) for name in names))
    chained = sa.table("audit_chained", *(sa.column(name, Moment() if name == "at" else None) for name in (*names, "key", "prev", "hash")))
    rows = connection.execute(sa.select(before).order_by(before.c.seq)).all()
    old = (Entry(**row._mapping) for row in rows)
    new = [{name: getattr(entry, name) for name in chained.c.keys()} for entry in sealed_anew(old, keys)]  # noqa: SIM118 - no dictionary
    if new:
        connection.execute(sa.insert(chained), new)
    op.drop_table("audit")
    op.rename_table("audit_chained", "audit")


def _append_only() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END")
