"""Real series for forecasts and detectors, read from the folder of public data; generated ones are in `made_series`."""

import csv
import gzip
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from finops.insight.panel import LENGTHS, Key, Panel, Step

VARIABLE: Final = "FINOPS_BOT_BENCH_DATA"
BESIDE: Final = Path(__file__).parents[2] / "shared" / "data"
# Neither tells its dates, so their weekdays are not the real ones; OptScale's last thirty days are made to be one month.
OPTSCALE_FIRST: Final = date(2022, 5, 22)
SERVEGEN_FIRST: Final = date(2024, 9, 2)
OPTSCALE_FLOOR: Final = 4.0  # USD in forty days: smaller lines are rounding
TOKEN_PRICES: Final = (1.0e-6, 4.0e-6)  # USD for a token in and a token out: only the ratio matters to a forecast
SERVEGEN_CLIENTS: Final = 12  # the largest of each model; the others are one line
Cell = tuple[str, datetime, float]


@dataclass(frozen=True)
class Labelled:
    """One series by hours whose odd stretches people have marked: steps from the first up to the second of each pair."""

    name: str
    source: str
    panel: Panel
    windows: tuple[tuple[int, int], ...]

    @property
    def marked(self) -> NDArray[np.bool_]:
        """Say of each step whether it lies in a marked stretch."""
        steps = np.arange(self.panel.steps)
        return np.array([any(first <= step < last for first, last in self.windows) for step in steps], dtype=np.bool_)


def folder(given: Path | None = None) -> Path:
    """Return where the public data lies: as given, as the environment says, or `shared/data` beside the project."""
    found = given or Path(os.environ.get(VARIABLE) or BESIDE)
    if not (found / "binder-gcp-billing").is_dir():
        raise FileNotFoundError(f"'{found}' has no folder binder-gcp-billing; set {VARIABLE} to the folder of the public data")
    return found


def daily(where: Path | None = None) -> dict[str, Panel]:
    """Return what is known by days, by source: money for binder and OptScale, priced tokens for ServeGen, counts for the rest."""
    data = folder(where)
    return {
        "binder-category": _bill(data / "binder-gcp-billing/daily_cost_by_category_to_2018-12.csv", "category"),
        "binder-project": _bill(data / "binder-gcp-billing/daily_cost_by_project_to_2018-12.csv", "project"),
        "binder-sessions": _bill(data / "binder-gcp-billing/daily_sessions_to_2018-12.csv", "count", skip=0),
        "optscale-pool": _optscale(data, "pool"),
        "optscale-service": _optscale(data, "service"),
        "wikipedia": _wikipedia(data),
        "purchases": by_days(_purchases(data)),
        "servegen": by_days(_servegen(data)),
    }


def hourly(where: Path | None = None) -> dict[str, Panel]:
    """Return what is known by hours, by source: NAB's gauges as hourly means, ServeGen as priced tokens, purchases as counts."""
    data = folder(where)
    gauges = {f"nab-{item.name}": item.panel for item in labelled(data) if item.source == "nab"}
    return {"purchases": _purchases(data), "servegen": _servegen(data)} | gauges


def labelled(where: Path | None = None) -> tuple[Labelled, ...]:
    """Return the marked series: six of purchases and seventeen of NAB, each by hours."""
    data = folder(where)
    return (*_marked_purchases(data), *_marked_gauges(data))


def by_days(panel: Panel) -> Panel:
    """Add up whole days of a panel by hours; a day with an unknown hour is unknown."""
    days = panel.steps // 24
    values = panel.values[:, : days * 24].reshape(len(panel.keys), days, 24).sum(axis=2)
    return Panel(panel.keys, panel.start, values, np.minimum(panel.complete // 24, days), panel.currency)


def own(file: Path) -> Panel:
    """Read days of one's own from a CSV with a column `date` and one for each series; an empty cell is unknown."""
    try:
        with file.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as problem:
        raise ValueError(f"'{file}' cannot be read, {problem.strerror}; give a CSV with one line for each day") from None
    if not rows or "date" not in rows[0] or len(rows[0]) < 2:
        raise ValueError(f"'{file}' has no column date with columns of series beside it; give a CSV with one line for each day")
    names = [name for name in rows[0] if name != "date"]
    cells = [_own_cell(file, line, row, name) for line, row in enumerate(rows, 2) for name in names if row[name]]
    if not cells:
        raise ValueError(f"'{file}' has no cost on any day; give a CSV with one line for each day")
    return _panel("own", cells)


def _own_cell(file: Path, line: int, row: Mapping[str, str], name: str) -> Cell:
    try:
        return name, datetime.fromisoformat(row["date"] or ""), float(row[name])
    except ValueError:
        problem = f"'{file}' line {line} has '{row['date']}' and for {name} '{row[name]}'; a date is as 2026-11-30, a cost as 12.5"
        raise ValueError(problem) from None


def total(panel: Panel) -> Panel:
    """Return the sum of all series as one."""
    values = np.nansum(panel.values, axis=0, keepdims=True)
    values[:, np.isnan(panel.values).all(axis=0)] = np.nan
    return Panel(((),), panel.start, values, panel.complete.min(keepdims=True), panel.currency, panel.step)


def _bill(file: Path, dimension: str, *, skip: int = 1) -> Panel:
    """Read a date and a column for each series; an empty cell of a final bill is nothing charged, a missing day is unknown."""
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))[skip:]  # the first day of a bill began at noon
    names = [name for name in rows[0] if name != "date" and any(float(row[name] or 0) for row in rows)]
    return _panel(dimension, ((name, datetime.fromisoformat(row["date"]), float(row[name] or 0)) for row in rows for name in names))


def _optscale(data: Path, dimension: str) -> Panel:
    """Add up one tenant's forty days by a column; a line without a charge on a day cost nothing then."""
    sums: dict[tuple[str, int], float] = {}
    with gzip.open(data / "optscale/daily_expenses_days_60_to_21.csv.gz", "rt", newline="") as lines:
        for row in csv.DictReader(lines):
            name = row["pool"] if dimension == "pool" else f"{row['cloud']} {row['service'].lower()}".strip()
            cell = name, 60 - int(row["days_ago"])
            sums[cell] = sums.get(cell, 0.0) + float(row["cost"])
    known = sorted({name for name, _ in sums})
    names = [name for name in known if sum(sums.get((name, day), 0.0) for day in range(40)) >= OPTSCALE_FLOOR]
    first = datetime.combine(OPTSCALE_FIRST, datetime.min.time())
    return _panel(dimension, ((name, first + timedelta(days=day), sums.get((name, day), 0.0)) for name in names for day in range(40)))


def _wikipedia(data: Path) -> Panel:
    """Turn the published logarithms of page views back into views."""
    with (data / "forecast-generic/wikipedia_visits.csv").open(newline="") as lines:
        return _panel("page", (("one", datetime.fromisoformat(row["date"]), math.exp(float(row["y"]))) for row in csv.DictReader(lines)))


def _servegen(data: Path) -> Panel:
    """Price fourteen days of tokens by client and hour: the largest clients of each model, and all others as one line."""
    import duckdb

    rates, tokens = (data / f"servegen/client_{name}_small_large.parquet" for name in ("rate_10min", "tokens_by_window"))
    price_in, price_out = TOKEN_PRICES
    found = duckdb.sql(
        f"""
        WITH mean AS (SELECT model, client, avg(mean_input_tokens) AS i, avg(mean_output_tokens) AS o FROM '{tokens}' GROUP BY ALL),
        cost AS (
            SELECT r.model, r.client, r.t // 3600 AS hour, sum(r.rate::DOUBLE * 600 * (
                {price_in} * coalesce(w.mean_input_tokens, m.i, 0) + {price_out} * coalesce(w.mean_output_tokens, m.o, 0)
            ) ORDER BY r.t) AS cost
            FROM '{rates}' r JOIN mean m USING (model, client)
            LEFT JOIN '{tokens}' w ON w.model = r.model AND w.client = r.client AND w.window_start = r.t // 21600 * 21600
            GROUP BY ALL
        ),
        size AS (SELECT model, client, sum(cost ORDER BY hour) AS size FROM cost GROUP BY model, client),
        place AS (SELECT model, client, row_number() OVER (PARTITION BY model ORDER BY size DESC, client) AS place FROM size)
        SELECT model || CASE WHEN place <= {SERVEGEN_CLIENTS} THEN ' client ' || client ELSE ' others' END AS name, hour,
            sum(cost ORDER BY client) AS cost
        FROM cost JOIN place USING (model, client) GROUP BY name, hour ORDER BY name, hour
        """
    ).fetchall()
    first = datetime.combine(SERVEGEN_FIRST, datetime.min.time())
    return _panel("client", ((name, first + timedelta(hours=hour), cost) for name, hour, cost in found), "hour")


def _purchases(data: Path) -> Panel:
    rows = _purchase_rows(data)
    return _panel("market", ((name, at, value) for name, cells in rows.items() for at, value, _ in cells), "hour")


def _marked_purchases(data: Path) -> Iterator[Labelled]:
    for name, cells in _purchase_rows(data).items():
        panel = _panel("market", ((name, at, value) for at, value, _ in cells), "hour")
        yield Labelled(name, "ms-cloud-monitoring", panel, _runs(odd for _, _, odd in cells))


def _purchase_rows(data: Path) -> Mapping[str, list[tuple[datetime, float, bool]]]:
    rows = {}
    for file in sorted((data / "ms-cloud-monitoring/consumer-purchase-rate").glob("*.csv")):
        with file.open(newline="") as lines:
            rows[file.stem] = [(_at(row["TimeStamp"]), float(row["Value"]), row["Label"] == "1") for row in csv.DictReader(lines)]
    return rows


def _marked_gauges(data: Path) -> Iterator[Labelled]:
    """Read NAB's files, five minutes a line, as means of hours."""
    windows = json.loads((data / "nab/combined_windows_aws.json").read_text())
    for file in sorted((data / "nab/realAWSCloudwatch").glob("*.csv")):
        with file.open(newline="") as lines:
            cells = [(file.stem, _at(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]
        panel = _panel("metric", cells, "hour", mean=True)
        yield Labelled(file.stem, "nab", panel, _steps(panel, windows[f"realAWSCloudwatch/{file.name}"]))


def _steps(panel: Panel, windows: Iterable[tuple[str, str]]) -> tuple[tuple[int, int], ...]:
    """Turn marked times into steps, the hour of the last one included."""
    step = _stepper(datetime.combine(panel.start, datetime.min.time()), "hour")
    return tuple((step(_at(first)), step(_at(last)) + 1) for first, last in windows)


def _runs(odd: Iterable[bool]) -> tuple[tuple[int, int], ...]:
    """Return the stretches of true as first and last step, the last not included."""
    runs = [(marked, [step for step, _ in group]) for marked, group in groupby(enumerate(odd), key=lambda pair: pair[1])]
    return tuple((steps[0], steps[-1] + 1) for marked, steps in runs if marked)


def _panel(dimension: str, cells: Iterable[Cell], step: Step = "day", *, mean: bool = False) -> Panel:
    """Lay cells out on one calendar from the first day on; what no cell tells is unknown."""
    known = list(cells)
    names = sorted({name for name, _, _ in known})
    start = min(at for _, at, _ in known).replace(hour=0, minute=0)
    place, row = _stepper(start, step), {name: number for number, name in enumerate(names)}
    steps = place(max(at for _, at, _ in known)) + 1
    sums, counts = np.zeros((len(names), steps)), np.zeros((len(names), steps))
    for name, at, value in known:
        sums[row[name], place(at)] += value
        counts[row[name], place(at)] += 1
    sums[counts == 0] = np.nan
    values = sums / np.maximum(counts, 1) if mean else sums
    keys: tuple[Key, ...] = tuple(((dimension, name),) for name in names)
    return Panel(keys, start.date(), values, np.full(len(names), steps, dtype=np.intp), step=step)


def _stepper(start: datetime, step: Step) -> Callable[[datetime], int]:
    return lambda at: int((at - start) // LENGTHS[step])


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None, second=0, microsecond=0)
