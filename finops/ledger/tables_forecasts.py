"""Table of what was predicted, and of what came."""

from sqlalchemy import Column, Date, Index, Integer, String, Table, Text

from finops.ledger.tables import Exact, Moment, metadata

# What `scope` (a JSON list of pairs of a dimension and its values) was said to cost from `first` up to `until`, on the local day `day`,
# `days_left` before the end; `run_rate` is what every day as the last thirty would come to. Written once, never changed. `actual` is
# what came, known since `closed_at`; a bill that is restated within weeks moves it.
forecasts = Table(
    "forecasts",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("first", Date, primary_key=True),
    Column("until", Date, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("made_at", Moment, nullable=False),
    Column("complete_until", Date, nullable=False),
    Column("days_left", Integer, nullable=False),
    Column("currency", String(10), nullable=False),
    Column("total", Exact, nullable=False),
    Column("low80", Exact, nullable=False),
    Column("high80", Exact, nullable=False),
    Column("low95", Exact, nullable=False),
    Column("high95", Exact, nullable=False),
    Column("run_rate", Exact),
    Column("label", String(20), nullable=False),
    Column("actual", Exact),
    Column("closed_at", Moment),
    Index("forecasts_by_end", "until", "closed_at"),
)
