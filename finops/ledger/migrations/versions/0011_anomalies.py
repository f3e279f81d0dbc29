"""Anomalies, what people said of them, and when they were last looked for."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "anomalies",
        sa.Column("id", sa.String(20), primary_key=True),
        sa.Column("step", sa.String(4), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("told", sa.Float(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("told_with", sa.String(20)),
        sa.Column("route", sa.String(300)),
        sa.Column("told_at", sa.DateTime()),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("changed_by", sa.String(120), nullable=False),
        sa.Column("until", sa.Date()),
        sa.Column("reason", sa.Text()),
    )
    op.create_index("anomalies_by_state", "anomalies", ["state"])
    op.create_index("anomalies_by_route", "anomalies", ["route", "told_at"])
    op.create_index("anomalies_told_with", "anomalies", ["told_with"])
    op.create_table(
        "anomaly_words",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("anomaly", sa.String(20), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("told_on", sa.Date(), nullable=False),
        sa.Column("began", sa.Date(), nullable=False),
        sa.Column("excess", sa.Float(), nullable=False),
        sa.Column("pattern", sa.String(20), nullable=False),
        sa.Column("until", sa.Date()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(120), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "anomaly_looks",
        sa.Column("step", sa.String(4), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("series", sa.Integer(), nullable=False),
    )
