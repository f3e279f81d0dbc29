"""Slots for batches of usage and samples, what bills cover, requests seen, connectors, jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("loads", sa.Column("kind", sa.String(10), nullable=False, server_default="bill"))
    op.add_column("loads", sa.Column("slot", sa.String(64), nullable=False, server_default=""))
    _slots_in_live()
    _usage()
    _connectors()
    _jobs()


def _slots_in_live() -> None:
    """A primary key cannot be widened everywhere, so the table is made anew."""
    op.rename_table("live", "live_before")
    op.create_table(
        "live",
        sa.Column("source", sa.String(120), nullable=False),
        sa.Column("period", sa.String(7), nullable=False),
        sa.Column("slot", sa.String(64), nullable=False),
        sa.Column("load_id", sa.String(64), sa.ForeignKey("loads.id"), nullable=False),
        sa.PrimaryKeyConstraint("source", "period", "slot", name="live_by_slot"),
    )
    op.execute("INSERT INTO live (source, period, slot, load_id) SELECT source, period, '', load_id FROM live_before")
    op.drop_table("live_before")


def _usage() -> None:
    op.create_table(
        "coverage",
        sa.Column("load_id", sa.String(64), sa.ForeignKey("loads.id"), primary_key=True),
        sa.Column("provider", sa.String(200), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
    )
    op.create_table(
        "seen_requests",
        sa.Column("key", sa.LargeBinary(16), primary_key=True),
        sa.Column("day", sa.Date(), nullable=False),
        sqlite_with_rowid=False,
    )


def _connectors() -> None:
    op.create_table(
        "offers",
        sa.Column("source", sa.String(120), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("period", sa.String(7), nullable=False),
        sa.Column("delivered_at", sa.DateTime(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(), nullable=False),
        sa.Column("taken_at", sa.DateTime()),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("waiting", sa.Text()),
    )
    op.create_table(
        "watermarks",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime()),
    )


def _jobs() -> None:
    op.create_table(
        "claims",
        sa.Column("job", sa.String(60), primary_key=True),
        sa.Column("period", sa.String(40), primary_key=True),
        sa.Column("due_at", sa.DateTime()),
        sa.Column("holder", sa.String(120), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(), nullable=False),
    )
    op.create_index("claims_by_due", "claims", ["job", "due_at"])
    running = sa.text("state = 'running'")
    op.create_index("claims_one_running", "claims", ["job"], unique=True, sqlite_where=running, postgresql_where=running)
    op.create_table(
        "job_runs",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("job", sa.String(60), nullable=False),
        sa.Column("period", sa.String(40), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime()),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("result", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("holder", sa.String(120), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_runs_job", "job_runs", ["job"])
    op.create_table(
        "job_troubles",
        sa.Column("job", sa.String(60), primary_key=True),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.Column("recovered_at", sa.DateTime()),
        sa.Column("told_at", sa.DateTime()),
        sa.Column("teller", sa.String(120)),
        sa.Column("telling_until", sa.DateTime()),
    )
