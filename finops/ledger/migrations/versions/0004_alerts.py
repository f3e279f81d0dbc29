"""Alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("key", sa.String(400), nullable=False, unique=True),
        sa.Column("watcher", sa.String(300), nullable=False),
        sa.Column("rule", sa.String(300), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("period", sa.String(40), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("routes", sa.Text(), nullable=False),
        sa.Column("told_with", sa.Integer()),
        sa.Column("steps", sa.Text()),
        sa.Column("asked_at", sa.DateTime()),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("changed_by", sa.String(120), nullable=False),
        sa.Column("until", sa.DateTime()),
        sa.Column("reason", sa.Text()),
        sqlite_autoincrement=True,
    )
    op.create_index("alerts_by_state", "alerts", ["state"])
    op.create_index("alerts_by_rule", "alerts", ["rule", "opened_at"])
    op.create_index("alerts_told_with", "alerts", ["told_with"])
    op.create_table(
        "watch_marks",
        sa.Column("name", sa.String(400), primary_key=True),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("last", sa.DateTime(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
    )
