"""The same questions in pandas: column and row-group push-down by pyarrow, sums in floats."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.asked import Wanted
from benchmarks.by_hand import CHARTED


def ask(files: Sequence[Path], wanted: Wanted) -> dict[str, Any]:
    key = wanted.by or "ServiceName"
    frame = _read(files, wanted, key)
    now = _inside(frame, wanted, "period")
    before = _inside(frame, wanted, "before")
    groups = now.groupby(key, observed=True).agg(cost=("EffectiveCost", "sum"))
    groups = groups.join(before.groupby(key, observed=True).agg(previous=("EffectiveCost", "sum")), how="outer").fillna(0)
    largest = groups.nlargest(wanted.top, "cost")
    charted = now[now[key].isin(largest.index[:CHARTED])]
    return {
        "total": now["EffectiveCost"].sum(),
        "previous": before["EffectiveCost"].sum(),
        "series": now.groupby("x_ChargeDay")["EffectiveCost"].sum(),
        "rows": largest,
        "movers": _movers(frame, wanted, key),
        "parts": charted.groupby(["x_ChargeDay", key], observed=True)["EffectiveCost"].sum() if wanted.by else None,
        "counts": now.groupby(key, observed=True)[wanted.count].nunique() if wanted.count else None,
    }


def _read(files: Sequence[Path], wanted: Wanted, key: str) -> Any:
    import pandas as pd

    columns = ["x_ChargeDay", "EffectiveCost", key] + ([wanted.count] if wanted.count else [])
    first, last = min(wanted.period.start, wanted.before.start), max(wanted.period.end, wanted.before.end)
    filters: list[tuple[str, str, object]] = [("x_ChargeDay", ">=", first), ("x_ChargeDay", "<", last)]
    filters += [("x_Team", "==", wanted.team)] if wanted.team else []
    frame = pd.read_parquet([str(path) for path in files], columns=columns, filters=filters, dtype_backend="pyarrow", partitioning=None)
    # Straight to float64 would go by way of a Python Decimal for every row, a second for a million.
    frame["EffectiveCost"] = frame["EffectiveCost"].astype("float64[pyarrow]").astype("float64")
    return frame.assign(**{key: frame[key].astype("category")})  # grouping by codes beats grouping by text


def _inside(frame: Any, wanted: Wanted, name: str, days: int | None = None) -> Any:
    period = getattr(wanted, name)
    end = period.end if days is None else period.start + (period.end - period.start) * days / period.days
    return frame[(frame["x_ChargeDay"] >= period.start) & (frame["x_ChargeDay"] < end)]


def _movers(frame: Any, wanted: Wanted, key: str) -> Any:
    sums = [
        _inside(frame, wanted, name, wanted.complete).groupby(key, observed=False)["EffectiveCost"].sum() for name in ("period", "before")
    ]
    change = sums[0] - sums[1]
    return change.reindex(change.abs().nlargest(5).index)
