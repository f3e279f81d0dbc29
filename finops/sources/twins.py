"""Two exports of the same money in one delivery: the fuller and the shorter one must never be added up."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from finops.errors import BillError
from finops.sources import casts
from finops.sources.deadline import Deadline
from finops.sources.engine import run
from finops.sources.mapping import Mapping as Format
from finops.sources.mapping import fold
from finops.sources.writing import Batch, Piece

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_WHAT: Final = '"BillingAccountId", "BillingPeriodStart", "SubAccountId", "SkuId", "ChargePeriodStart", "BillingCurrency"'


def refuse_twins(con: "DuckDBPyConnection", format_: Format, written: Mapping[Batch, Sequence[Piece]], deadline: Deadline) -> None:
    """Raise BillError where files with and without the columns of the fuller export bill the same things at the same cost."""
    fuller = {fold(each) for each in format_.fuller}
    full = [batch for batch in written if fuller & set(batch.shape.header)]
    short = [batch for batch in written if not fuller & set(batch.shape.header)]
    if not fuller or not full or not short:
        return
    if _same_money(con, _paths(written, full), _paths(written, short), deadline):
        one, other = full[0].files[0].file.name, short[0].files[0].file.name
        raise BillError(f"{one} and {other} are two exports of the same charges ({format_.about}); deliver only the detailed one.")


def _paths(written: Mapping[Batch, Sequence[Piece]], batches: Sequence[Batch]) -> list[str]:
    return [str(piece.path) for batch in batches for piece in written[batch] if piece.rows and piece.key.verdict == "good"]


def _same_money(con: "DuckDBPyConnection", full: Sequence[str], short: Sequence[str], deadline: Deadline) -> bool:
    """Whether at least half of what the smaller side bills stands on the other side as well, to the last digit."""
    if not full or not short:
        return False
    same = f"(SELECT * FROM ({_sums(full)}) INTERSECT SELECT * FROM ({_sums(short)}))"
    smaller = f"least((SELECT count(*) FROM ({_sums(full)})), (SELECT count(*) FROM ({_sums(short)})))"
    [(both, fewer)] = run(con, f"SELECT (SELECT count(*) FROM {same}), {smaller}", deadline)
    return int(str(both)) > 0 and 2 * int(str(both)) >= int(str(fewer))


def _sums(paths: Sequence[str]) -> str:
    files = ", ".join(casts.literal(path) for path in paths)
    total = 'sum("BilledCost")'
    return f"SELECT {_WHAT}, {total} AS total FROM read_parquet([{files}], hive_partitioning = false) GROUP BY {_WHAT} HAVING {total} <> 0"
