"""Outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", sa.String(400), nullable=False, unique=True),
        sa.Column("route", sa.String(300), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("object_id", sa.String(300), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("due_at", sa.DateTime()),
        sa.Column("after", sa.String(400)),
        sa.Column("instead_of", sa.String(400)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("doubts", sa.Integer(), nullable=False),
        sa.Column("again_at", sa.DateTime()),
        sa.Column("lease_until", sa.DateTime()),
        sa.Column("settled_at", sa.DateTime()),
        sa.Column("channel", sa.String(60)),
        sa.Column("ts", sa.String(60)),
        sa.Column("error", sa.Text()),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_instead_of", "outbox", ["instead_of"])
    op.create_index("outbox_by_state", "outbox", ["state", "settled_at"])
    sending = sa.text("state = 'sending'")
    op.create_index("outbox_one_sending", "outbox", ["route"], unique=True, sqlite_where=sending, postgresql_where=sending)
