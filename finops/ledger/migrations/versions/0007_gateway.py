"""What the gateways know and have been given."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_state",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("bumped_at", sa.DateTime(), nullable=False),
        sa.Column("why", sa.String(200), nullable=False),
        sa.Column("configuration", sa.String(64)),
    )
    op.create_table(
        "gateway_keys",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.Column("added_by", sa.String(120), nullable=False),
        sa.Column("revoked_at", sa.DateTime()),
    )
    op.create_table(
        "gateway_workers",
        sa.Column("id", sa.String(120), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "gateway_shares",
        sa.Column("limit_id", sa.String(300), primary_key=True),
        sa.Column("subject", sa.String(300), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("worker", sa.String(120), primary_key=True),
        sa.Column("used_tokens", sa.BigInteger(), nullable=False),
        sa.Column("used_cost", sa.String(60), nullable=False),
        sa.Column("allowed_tokens", sa.BigInteger(), nullable=False),
        sa.Column("allowed_cost", sa.String(60), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
    )
    op.create_index("gateway_shares_by_day", "gateway_shares", ["day"])
    op.create_table(
        "gateway_events",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("worker", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
    )
    op.create_index("gateway_events_by_time", "gateway_events", ["at"])
