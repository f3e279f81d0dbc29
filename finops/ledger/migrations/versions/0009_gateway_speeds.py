"""Burn rates that the adaptive limits of gateways go by."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_speeds",
        sa.Column("quota", sa.Text(), primary_key=True),
        sa.Column("burn", sa.String(60), nullable=False),
        sa.Column("told", sa.String(60), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
