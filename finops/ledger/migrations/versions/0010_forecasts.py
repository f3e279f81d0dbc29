"""What was predicted each day, and what came."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forecasts",
        sa.Column("scope", sa.Text(), primary_key=True),
        sa.Column("first", sa.Date(), primary_key=True),
        sa.Column("until", sa.Date(), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("complete_until", sa.Date(), nullable=False),
        sa.Column("days_left", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(10), nullable=False),
        *(sa.Column(name, sa.String(60), nullable=False) for name in ("total", "low80", "high80", "low95", "high95")),
        sa.Column("run_rate", sa.String(60)),
        sa.Column("label", sa.String(20), nullable=False),
        sa.Column("actual", sa.String(60)),
        sa.Column("closed_at", sa.DateTime()),
    )
    op.create_index("forecasts_by_end", "forecasts", ["until", "closed_at"])
