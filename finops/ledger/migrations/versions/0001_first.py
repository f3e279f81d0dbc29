"""Loads, files, live periods, questions, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "loads",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("source", sa.String(120), nullable=False),
        sa.Column("period", sa.String(7), nullable=False),
        sa.Column("delivered_at", sa.DateTime(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("first_day", sa.Date()),
        sa.Column("last_day", sa.Date()),
    )
    op.create_index("loads_by_period", "loads", ["source", "period"])

    def load(primary_key: bool = False) -> "sa.Column[str]":
        return sa.Column("load_id", sa.String(64), sa.ForeignKey("loads.id"), nullable=False, primary_key=primary_key)

    op.create_table(
        "files",
        sa.Column("path", sa.String(400), primary_key=True),
        load(),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("derived", sa.String(16), nullable=False),
        sa.Column("retired_at", sa.DateTime()),
    )
    op.create_index("ix_files_load_id", "files", ["load_id"])
    op.create_table(
        "live",
        sa.Column("source", sa.String(120), primary_key=True),
        sa.Column("period", sa.String(7), primary_key=True),
        load(),
    )
    op.create_table(
        "control_totals",
        load(primary_key=True),
        sa.Column("currency", sa.String(3), primary_key=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("billed", sa.String(60), nullable=False),
        sa.Column("effective", sa.String(60), nullable=False),
        sa.Column("list", sa.String(60)),
        sa.Column("contracted", sa.String(60)),
    )
    op.create_table(
        "load_days",
        load(primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("currency", sa.String(3), primary_key=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("effective", sa.String(60), nullable=False),
    )
    op.create_table(
        "bad_rows",
        sa.Column("id", sa.Integer(), primary_key=True),
        load(),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=False),
    )
    op.create_index("ix_bad_rows_load_id", "bad_rows", ["load_id"])
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
    )
    op.create_table(
        "questions",
        sa.Column("id", sa.String(20), primary_key=True),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("asked_by", sa.String(120), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
    )
    op.create_table("taken", sa.Column("key", sa.String(200), primary_key=True), sa.Column("at", sa.DateTime(), nullable=False))
    op.create_index("ix_taken_at", "taken", ["at"])
