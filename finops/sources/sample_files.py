"""Writes capacity samples as the ledger keeps them: one Parquet file a month, by metric, resource and time."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from finops.capacity import COLUMNS, Identity
from finops.deliveries import StagedPart

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROWS: Final = 1_000_000  # of a row group: what is held at a time


@dataclass(frozen=True)
class Block:
    """Samples as columns: the place of each one's series, microseconds since 1970, value."""

    rank: "NDArray[np.int32]"
    time: "NDArray[np.int64]"
    value: "NDArray[np.float64]"


def merged(series: Sequence[Identity]) -> tuple[list[Identity], "NDArray[np.int32]"]:
    """Return the different series in the order files keep, and for each given one its place among them."""
    import numpy as np

    unique = sorted(dict.fromkeys(series), key=lambda one: one.order)
    places = {one: place for place, one in enumerate(unique)}
    return unique, np.fromiter((places[one] for one in series), dtype=np.int32, count=len(series))


def in_order(blocks: Sequence[Block]) -> Block:
    """Return all samples by series and time, each instant of a series once: what came last counts."""
    import numpy as np

    rank, time, value = (np.concatenate([getattr(block, name) for block in blocks]) for name in ("rank", "time", "value"))
    ordered = np.lexsort((time, rank))  # stable, so that of equals the last one stays last
    rank, time, value = rank[ordered], time[ordered], value[ordered]
    last = np.ones(len(rank), dtype=bool)
    last[:-1] = (rank[1:] != rank[:-1]) | (time[1:] != time[:-1])
    return Block(rank[last], time[last], value[last])


def by_month(block: Block) -> Iterator[tuple[str, Block]]:
    """Yield the samples of each month."""
    import numpy as np

    months = block.time.view("datetime64[us]").astype("datetime64[M]")
    for month in np.unique(months):
        chosen = months == month
        yield str(month), Block(block.rank[chosen], block.time[chosen], block.value[chosen])


@dataclass
class SampleFile:
    """A file being written; `write` takes blocks in order, each with the series its ranks point into."""

    path: Path
    source: str
    rows: int = 0
    first: int | None = None
    last: int | None = None
    _writer: Any = None

    def write(self, series: Sequence[Identity], block: Block) -> None:
        for start in range(0, len(block.rank), ROWS):
            self._group(series, Block(*(getattr(block, name)[start : start + ROWS] for name in ("rank", "time", "value"))))

    def _group(self, series: Sequence[Identity], block: Block) -> None:
        import pyarrow.parquet as pq

        table = _table(self.source, series, block)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, table.schema, compression="zstd", store_schema=False)
        self._writer.write_table(table)
        self.rows += len(block.rank)
        low, high = int(block.time.min()), int(block.time.max())
        self.first = low if self.first is None else min(self.first, low)
        self.last = high if self.last is None else max(self.last, high)

    def close(self, period: str) -> StagedPart | None:
        """Finish the file and describe it; None where nothing was written."""
        if self._writer is None or self.first is None or self.last is None:
            return None
        self._writer.close()
        with self.path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        days = [datetime.fromtimestamp(moment / 1_000_000, UTC).date() for moment in (self.first, self.last)]
        return StagedPart(period, self.path, digest, self.path.stat().st_size, self.rows, days[0], days[1], (), ())


def stage(folder: Path, source: str, series: Sequence[Identity], blocks: Sequence[Block]) -> list[StagedPart]:
    """Write samples that fit into memory, a file a month."""
    if not sum(len(block.rank) for block in blocks):
        return []
    unique, places = merged(series)
    whole = in_order([replace(block, rank=places[block.rank]) for block in blocks])
    return list(_staged(folder, source, unique, by_month(whole)))


def _staged(folder: Path, source: str, series: Sequence[Identity], months: Iterable[tuple[str, Block]]) -> Iterator[StagedPart]:
    for month, block in months:
        file = SampleFile(folder / f"{month}-{len(list(folder.iterdir()))}.parquet", source)
        file.write(series, block)
        part = file.close(month)
        if part is not None:
            yield part


def _table(source: str, series: Sequence[Identity], block: Block) -> Any:
    """Text stands in each file once and is pointed to: thousands of samples share it. `head` marks where a series begins."""
    import numpy as np
    import pyarrow as pa

    low, high = int(block.rank.min()), int(block.rank.max()) + 1
    rank = block.rank - low
    near = [astuple(one) for one in series[low:high]]
    columns = {"time": pa.array(block.time.view("datetime64[us]")), "source": _coded([source], np.zeros(len(rank), dtype=np.int32))}
    for place, name in enumerate(("resource", "metric")):
        columns[name] = _coded([one[place] for one in near], rank)
    columns["value"] = pa.array(block.value)
    columns["series"] = pa.array(np.array([series_key(one) for one in series[low:high]], dtype=np.int64)[rank])
    columns["head"] = pa.array(np.diff(rank, prepend=-1) != 0)
    for place, name in enumerate(COLUMNS, 2):
        columns[name] = _coded([one[place] for one in near], rank)
    return pa.table(columns)


def series_key(identity: Identity) -> int:
    """Return the number by which a series is known in every file; readers join on it instead of on all labels."""
    digest = hashlib.sha256(repr(astuple(identity)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _coded(values: Sequence[str | None], rank: "NDArray[np.int32]") -> Any:
    import numpy as np
    import pyarrow as pa

    known = list(dict.fromkeys(value for value in values if value is not None))
    codes = {value: code for code, value in enumerate(known)}
    code = np.array([codes[value] if value is not None else -1 for value in values], dtype=np.int32)[rank]
    missing = code < 0 if len(known) < len(set(values)) else None
    return pa.DictionaryArray.from_arrays(pa.array(code, mask=missing), pa.array(known, pa.string()))
