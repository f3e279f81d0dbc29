"""Effects: what was moved, who is at work on it, what gateways are told, what was saved."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _carrying_out()
    op.create_table(
        "gateway_effects",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("target", sa.Text(), primary_key=True),
        sa.Column("lever", sa.String(60), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime()),
    )
    op.create_index("gateway_effects_by_target", "gateway_effects", ["lever", "target"])
    op.create_table(
        "measured_savings",
        sa.Column("proposal", sa.Integer(), sa.ForeignKey("proposals.number"), primary_key=True),
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("measured_at", sa.DateTime(), nullable=False),
        sa.Column("begins", sa.DateTime(), nullable=False),
        sa.Column("ends", sa.DateTime(), nullable=False),
        *(sa.Column(name, sa.String(60)) for name in ("promised", "likely", "low", "high")),
        sa.Column("currency", sa.String(3)),
        sa.Column("said", sa.Text(), nullable=False),
    )


def _carrying_out() -> None:
    op.create_table(
        "effects",
        sa.Column("proposal", sa.Integer(), sa.ForeignKey("proposals.number"), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("again_at", sa.DateTime()),
        sa.Column("error", sa.Text()),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "executions",
        sa.Column("proposal", sa.Integer(), sa.ForeignKey("proposals.number"), primary_key=True),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(120), nullable=False),
        sa.Column("lease_until", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
    )
