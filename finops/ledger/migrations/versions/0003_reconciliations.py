"""What comparing estimates with bills found."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reconciliations",
        sa.Column("provider", sa.String(200), primary_key=True),
        sa.Column("model", sa.String(200), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("currency", sa.String(3), primary_key=True),
        sa.Column("end_day", sa.Date(), nullable=False),
        sa.Column("estimated", sa.String(60)),
        sa.Column("billed", sa.String(60)),
        sa.Column("difference", sa.String(60)),
        sa.Column("share", sa.String(60)),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("causes", sa.Text(), nullable=False),
        sa.Column("loads", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime()),
        sa.Column("checked_at", sa.DateTime(), nullable=False),
        sa.Column("alerted_at", sa.DateTime()),
    )
    op.create_index("reconciliations_by_day", "reconciliations", ["day"])
