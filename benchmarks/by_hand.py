"""What an engineer who knows DuckDB would write for each question, over the same files, returning the same facts."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.asked import Wanted
from finops.periods import Period

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CHARTED: Final = 6  # groups whose days a stacked chart shows
MOVERS: Final = 5

# Groups few enough to sum once by day: all else is worked out from that small table.
FEW: Final = ("x_Team", "x_Model", "ServiceName")


@dataclass(frozen=True)
class Facts:
    """What an answer says. `rows`: key, cost, cost before; `movers`: key, change; `parts`: day, key, cost; `counts`: key, how many."""

    total: Decimal
    previous: Decimal
    series: dict[date, Decimal]
    rows: tuple[tuple[str, Decimal, Decimal], ...]
    movers: tuple[tuple[str, Decimal], ...]
    parts: dict[tuple[date, str], Decimal]
    counts: dict[str, int]


def connect() -> "DuckDBPyConnection":
    import duckdb

    con = duckdb.connect()
    con.execute("SET parquet_metadata_cache = true")
    return con


def ask(con: "DuckDBPyConnection", files: Sequence[Path], wanted: Wanted, *, parts: bool) -> Facts:
    """Answer by the cheaper of two ways: one scan into a small table, or one scan for each thing that is asked."""
    if wanted.count is None and (wanted.by or "ServiceName") in FEW:
        return _in_one_scan(con, files, wanted, parts=parts)
    return _in_three_scans(con, files, wanted, parts=parts)


def _in_one_scan(con: "DuckDBPyConnection", files: Sequence[Path], wanted: Wanted, *, parts: bool) -> Facts:
    con.execute(f"""CREATE OR REPLACE TEMP TABLE by_day AS
        SELECT x_ChargeDay AS day, {wanted.by or "ServiceName"} AS key, sum(EffectiveCost) AS cost
        FROM {_read(files)} WHERE {_days(wanted.before, wanted.period)} AND {_team(wanted)} GROUP BY ALL""")
    series = con.execute("SELECT day, sum(cost) FROM by_day GROUP BY day").fetchall()
    groups = con.execute(_groups("by_day", "day", "key", "cost", wanted)).fetchall()
    return _facts(wanted, series, groups, con.execute(_parts("by_day", wanted)).fetchall() if parts and wanted.by else [])


def _in_three_scans(con: "DuckDBPyConnection", files: Sequence[Path], wanted: Wanted, *, parts: bool) -> Facts:
    con.execute(f"CREATE OR REPLACE TEMP VIEW charged AS SELECT * FROM {_read(files)} WHERE {_team(wanted)}")
    series = con.execute(
        f"SELECT x_ChargeDay, sum(EffectiveCost) FROM charged WHERE {_days(wanted.before, wanted.period)} GROUP BY ALL"
    ).fetchall()
    groups = con.execute(_groups("charged", "x_ChargeDay", str(wanted.by), "EffectiveCost", wanted)).fetchall()
    split = []
    if parts:
        keys = [str(row[0]) for row in sorted(groups, key=lambda row: -(row[1] or 0))[:CHARTED]]
        split = con.execute(
            f"SELECT x_ChargeDay, {wanted.by}, sum(EffectiveCost) FROM charged "
            f"WHERE {_days(wanted.period)} AND {wanted.by} IN ({', '.join(map(_text, keys))}) GROUP BY ALL"
        ).fetchall()
    return _facts(wanted, series, groups, split)


def _groups(source: str, day: str, key: str, cost: str, wanted: Wanted) -> str:
    """The largest groups and those that changed most: key, cost, cost before, change over the complete days, count."""
    now, before = _between(day, wanted.period), _between(day, wanted.before)
    cut_now, cut_before = (_between(day, Period(p.start, p.start + (p.end - p.start) * wanted.complete / p.days)) for p in _both(wanted))
    count = f"count(DISTINCT {wanted.count}) FILTER ({now})" if wanted.count else "NULL"
    return f"""WITH sums AS (
            SELECT {key} AS key, sum({cost}) FILTER ({now}) AS cost, sum({cost}) FILTER ({before}) AS previous,
                coalesce(sum({cost}) FILTER ({cut_now}), 0) - coalesce(sum({cost}) FILTER ({cut_before}), 0) AS change, {count} AS count
            FROM {source} WHERE {_days(wanted.before, wanted.period, day)} GROUP BY key)
        (SELECT * FROM sums ORDER BY coalesce(cost, 0) DESC, key LIMIT {wanted.top})
        UNION (SELECT * FROM sums ORDER BY abs(change) DESC, key LIMIT {MOVERS})"""


def _parts(source: str, wanted: Wanted) -> str:
    inside = _between("day", wanted.period)
    largest = f"SELECT key FROM {source} WHERE {inside} GROUP BY key ORDER BY sum(cost) DESC, key LIMIT {CHARTED}"
    return f"SELECT day, key, cost FROM {source} WHERE {inside} AND key IN ({largest})"


def _facts(wanted: Wanted, series: Sequence[tuple], groups: Sequence[tuple], parts: Sequence[tuple]) -> Facts:  # type: ignore[type-arg]
    rows = sorted(((key, cost or Decimal(0), before or Decimal(0)) for key, cost, before, _, _ in groups), key=lambda row: -row[1])
    movers = sorted(((row[0], row[3]) for row in groups if row[3]), key=lambda row: -abs(row[1]))
    return Facts(
        total=sum((cost for day, cost in series if day in wanted.period), Decimal(0)),
        previous=sum((cost for day, cost in series if day in wanted.before), Decimal(0)),
        series={day: cost for day, cost in series if day in wanted.period},
        rows=tuple(rows[: wanted.top]) if wanted.by else (),
        movers=tuple(movers[:MOVERS]),
        parts={(day, key): cost for day, key, cost in parts},
        counts={key: count for key, _, _, _, count in groups if count is not None},
    )


def _both(wanted: Wanted) -> tuple[Period, Period]:
    return wanted.period, wanted.before


def _team(wanted: Wanted) -> str:
    return f"x_Team = {_text(wanted.team)}" if wanted.team else "true"


def _read(files: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(_text(str(path)) for path in files)}])"


def _days(*periods: Period | str) -> str:
    column = next((each for each in periods if isinstance(each, str)), "x_ChargeDay")
    spans = sorted(each for each in periods if isinstance(each, Period))
    if all(one.end == two.start for one, two in itertools.pairwise(spans)):
        return _between(column, Period(spans[0].start, spans[-1].end))
    return "(" + " OR ".join(_between(column, span) for span in spans) + ")"


def _between(day: str, period: Period) -> str:
    return f"({day} >= DATE '{period.start}' AND {day} < DATE '{period.end}')"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
