"""What was moved and what came of it: each target of a plan, who is at work on it, what gateways are told, what was saved."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from finops.ledger.tables import Exact, Moment, metadata

# How far each target of a proposal's plan is. Written before a call, so that a crash leaves a trace of what may be out.
effects = Table(
    "effects",
    metadata,
    Column("proposal", Integer, ForeignKey("proposals.number"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("target", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("again_at", Moment),
    Column("error", Text),
    Column("changed_at", Moment, nullable=False),
)

# Who carries a proposal out. `turn` counts up with each that takes it, so that one who was slow cannot write any more.
executions = Table(
    "executions",
    metadata,
    Column("proposal", Integer, ForeignKey("proposals.number"), primary_key=True),
    Column("turn", Integer, nullable=False),
    Column("holder", String(120), nullable=False),
    Column("lease_until", Moment, nullable=False),
    Column("started_at", Moment, nullable=False),
)

# What gateways shall do, by the digest of the plan that was agreed to; it counts while a proposal with that digest is in force.
gateway_effects = Table(
    "gateway_effects",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("target", Text, primary_key=True),
    Column("lever", String(60), nullable=False),
    Column("parameters", Text, nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("until", Moment),
    Index("gateway_effects_by_target", "lever", "target"),
)

# What an action was promised to save and what was measured: once soon after it (`soon`), once when it is over (`end`).
measured_savings = Table(
    "measured_savings",
    metadata,
    Column("proposal", Integer, ForeignKey("proposals.number"), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("measured_at", Moment, nullable=False),
    Column("begins", Moment, nullable=False),
    Column("ends", Moment, nullable=False),
    Column("promised", Exact),
    Column("likely", Exact),
    Column("low", Exact),
    Column("high", Exact),
    Column("currency", String(3)),
    Column("said", Text, nullable=False),
)
