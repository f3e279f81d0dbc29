"""Two views of the same costs become one bill: commitments as they were bought, and usage with their price spread over it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from finops.sources.bills import listed
from finops.sources.casts import literal
from finops.sources.deadline import Deadline
from finops.sources.engine import run
from finops.sources.mapping import Views
from finops.sources.writing import FORMAT, Batch, Piece

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Written = dict[Batch, list[Piece]]

_COMMITTED: Final = '"CommitmentDiscountType" IS NOT NULL'
_FEE: Final = f""""ChargeCategory" = 'Purchase' AND {_COMMITTED}"""
_PAYER: Final = """lower(coalesce("BillingAccountId", ''))"""
_PART: Final = f"""{_PAYER} || chr(10) || lower(coalesce("SubAccountId", ''))"""  # an account's subscription


@dataclass(frozen=True)
class Month:
    """The good pieces of one billing period: by batch of the billed view, and all of the spread one."""

    period: str
    billed: dict[Batch, list[Piece]]
    spread: list[Piece]


@dataclass
class Desk:
    """What uniting works with, and what it has to tell: the months of each kind, and rows that gave way or stayed."""

    con: "DuckDBPyConnection"
    deadline: Deadline
    united: list[str]
    gone: int = 0
    stayed: int = 0


def united(
    con: "DuckDBPyConnection", views: Views | None, written: Mapping[Batch, Sequence[Piece]], deadline: Deadline
) -> tuple[Written, list[str]]:
    """Return what is left of the two views of each month, and notes on it.

    Where both were delivered, the spread one holds all usage; of the billed one only the purchases of commitments stay, at no
    effective cost, for the rows they cover hold it. Subscriptions that only the billed view has stay as they are.
    """
    kept = {batch: list(pieces) for batch, pieces in written.items()}
    if views is None:
        return kept, []
    desk = Desk(con, deadline, [])
    only_billed, only_spread = [], []
    for month in _months(kept, views):
        billed = [piece for some in month.billed.values() for piece in some]
        if billed and month.spread:
            _unite(desk, kept, month)
        elif _has_commitments(desk, billed):
            only_billed.append(month.period)
        elif _has_commitments(desk, month.spread):
            only_spread.append(month.period)
    return kept, _told(desk, views, only_billed, only_spread)


def _months(written: Written, views: Views) -> list[Month]:
    pieces = [(batch, piece) for batch, some in written.items() for piece in some if piece.rows and piece.key.verdict == "good"]
    months = []
    for period in sorted({piece.key.period for _, piece in pieces if piece.key.period}):
        of_it = [(batch, piece) for batch, piece in pieces if piece.key.period == period]
        billed = {batch: [piece for each, piece in of_it if each is batch] for batch, _ in of_it if batch.shape.view == views.billed.name}
        months.append(Month(period, billed, [piece for batch, piece in of_it if batch.shape.view == views.spread.name]))
    return months


def _unite(desk: Desk, kept: Written, month: Month) -> None:
    """Take the billed rows that the spread ones hold as well out of their pieces."""
    billed = [piece for some in month.billed.values() for piece in some]
    desk.united.append(month.period)
    parts = f"SELECT DISTINCT {_PAYER} AS payer, {_PART} AS part FROM {_files(month.spread)}"
    _ask(desk, f"CREATE OR REPLACE TEMP TABLE spread_parts AS {parts}")
    _ask(
        desk,
        f"""CREATE OR REPLACE TEMP TABLE billed_parts AS SELECT DISTINCT {_PART} AS part FROM {_files(billed)}
        WHERE NOT coalesce({_FEE}, FALSE) AND ("SubAccountId" IS NOT NULL OR {_PAYER} NOT IN (SELECT payer FROM spread_parts))
            AND {_PART} NOT IN (SELECT part FROM spread_parts)""",
    )
    for batch, pieces in month.billed.items():
        for piece in pieces:
            kept[batch][kept[batch].index(piece)] = _without_what_is_spread(desk, piece)


def _without_what_is_spread(desk: Desk, piece: Piece) -> Piece:
    path = piece.path.with_name(f"{piece.path.stem}-united.parquet")
    stays = f"({_PART} IN (SELECT part FROM billed_parts) OR {_PAYER} NOT IN (SELECT payer FROM spread_parts))"
    rows = f"SELECT *, {stays} AS stays FROM {_files([piece])}"
    some = f"""SELECT * EXCLUDE (stays) REPLACE (CASE WHEN stays THEN "EffectiveCost" ELSE 0 END AS "EffectiveCost")
        FROM ({rows}) WHERE stays OR {_FEE}"""
    left = _count(_ask(desk, f"COPY ({some}) TO {literal(str(path))} ({FORMAT})"))
    desk.gone += piece.rows - left
    desk.stayed += _count(_ask(desk, f"SELECT count(*) FROM {_files([piece])} WHERE {_PART} IN (SELECT part FROM billed_parts)"))
    return Piece(piece.key, path, left)


def _has_commitments(desk: Desk, pieces: Sequence[Piece]) -> bool:
    return bool(pieces and _ask(desk, f"SELECT 1 FROM {_files(pieces)} WHERE {_COMMITTED} LIMIT 1"))


def _told(desk: Desk, views: Views, only_billed: Sequence[str], only_spread: Sequence[str]) -> list[str]:
    one, other = views.billed.name, views.spread.name
    notes = []
    if desk.united:
        notes.append(f"{one} and {other} costs were made one bill ({listed(desk.united)}); {_rows(desk.gone)} of the {one} costs gave way")
    if desk.stayed:
        notes.append(f"{_rows(desk.stayed)} of subscriptions without {other} costs stayed as billed")
    if only_billed:
        notes.append(f"only {one} costs were delivered ({listed(only_billed)}): commitments are not spread over what they cover")
    if only_spread:
        notes.append(f"only {other} costs were delivered ({listed(only_spread)}): what commitments cost when they were bought is missing")
    return notes


def _rows(count: int) -> str:
    return f"{count:,} {'row' if count == 1 else 'rows'}"


def _files(pieces: Iterable[Piece]) -> str:
    return f"read_parquet([{', '.join(literal(str(piece.path)) for piece in pieces)}], hive_partitioning = false)"


def _ask(desk: Desk, sql: str) -> list[tuple[object, ...]]:
    return run(desk.con, sql, desk.deadline)


def _count(rows: list[tuple[object, ...]]) -> int:
    return int(str(rows[0][0]))
