"""Why: are the causes put into made and real rows found, how fast, and beside a top-contributor drill-down and Adtributor's measure.

Made rows: six dimensions, one implied by another, one or two causes, noise of 10 to 30 %. Real rows: the cells of real bills with noise
and causes put in. A key counts when it names exactly the cells of the cause.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.asked import NOW, TODAY
from benchmarks.made_ledger import made_ledger
from benchmarks.tables import Goal, heading, ms, table
from finops.insight.drivers import drivers
from finops.insight.drivers_cube import Cube, Floats
from finops.insight.drivers_why import explain
from finops.ledger.cube import compared
from finops.periods import Period
from finops.query import CostQuery

SIZES: Final = (("provider", 4), ("model", 12), ("team", 15), ("feature", 20), ("region", 6), ("env", 3))
CASES: Final = ((1000, 0.1, 1), (4000, 0.1, 1), (4000, 0.3, 1), (4000, 0.1, 2), (4000, 0.3, 2), (20_000, 0.3, 2))
REAL: Final = {"optscale (AWS)": "optscale/raw_aws_cnr.parquet", "focus-sample": "focus-sample/focus_sample.csv"}
COLUMNS: Final = ("ServiceName", "SubAccountId", "RegionId", "ChargeCategory", "PricingCategory", "SkuId", "ResourceType")
Mask = NDArray[np.bool_]
Find = Callable[[Cube, int], list[Mask]]


@dataclass(frozen=True)
class Case:
    """A cube and the cells of each of its causes."""

    cube: Cube
    causes: tuple[Mask, ...]


def run(rows: Path | None, data: Path, cubes: int, charges: int) -> list[Goal]:
    """Measure accuracy on made cubes, on real rows under `rows` where they are given, then the time from `charges` rows."""
    heading(f"Causes found first, of {cubes} made cubes a line (share of cubes; ms are CPU time, median)")
    goals, lines = [], []
    for cells, noise, causes in CASES:
        cases = [made(seed, cells, noise, causes) for seed in range(cubes)]
        found = _score(cases)
        lines.append((f"{cells:,} cells drawn, {noise:.0%} noise, {causes} cause{'s'[: causes - 1]}", *_figures(found)))
        if noise == 0.3:
            goals.append(Goal(f"drivers: true keys first, {cells:,} cells, {causes} causes", found["ours"][0], 0.95, at_least=True))
        if cells == 20_000:
            goals.append(Goal("drivers: a cube of 20,000 cells drawn", found["ours"][1] * 1000, 50, " ms"))
    for name, file in REAL.items() if rows else ():
        cases = list(_injected(_cells(rows / file), cubes)) if rows else []
        lines.append((f"{name}, 30 % noise, 1 cause", *_figures(_score(cases))))
    table(("cubes", "ours", "ms", "drill-down", "ms", "Adtributor", "ms"), lines)
    return [*goals, _from_rows(data, charges)] if charges else goals


def made(seed: int, cells: int, noise: float, causes: int) -> Case:
    """Random cells; causes cover 1 to 50 % of the money, at least eight cells, and overlap little."""
    chance = np.random.default_rng(seed)
    columns = {name: _skewed(chance, cells, size) for name, size in SIZES}
    columns["provider"] = columns["model"] % 4
    codes = np.unique(np.stack([columns[name] for name, _ in SIZES], axis=1), axis=0)
    return _with_causes(chance, codes, np.exp(chance.normal(2.3, 1.5, len(codes))), noise, causes, [name for name, _ in SIZES])


def _skewed(chance: np.random.Generator, count: int, size: int) -> NDArray[np.int64]:
    weights = np.arange(1, size + 1) ** -0.8
    return chance.choice(size, count, p=weights / weights.sum())


def _with_causes(
    chance: np.random.Generator, codes: NDArray[np.int64], before: Floats, noise: float, causes: int, names: Sequence[str]
) -> Case:
    after = before * np.clip(1 + chance.normal(0, noise, len(before)), 0.02, None)
    masks: list[Mask] = []
    for _ in range(20_000):
        if len(masks) == causes:
            break
        dims = chance.choice(len(names), chance.integers(1, 4), replace=False)
        mask: Mask = (codes[:, dims] == codes[chance.integers(len(codes)), dims]).all(axis=1)
        share = before[mask].sum() / before.sum()
        if mask.sum() >= 8 and 0.01 <= share <= 0.5 and all((mask & one).sum() <= 0.3 * min(mask.sum(), one.sum()) for one in masks):
            after[mask] *= chance.uniform(1.5, 4) if chance.random() < 0.7 else chance.uniform(0.1, 0.5)
            masks.append(mask)
    values = tuple(tuple(f"v{n:03}" for n in range(int(column.max()) + 1)) for column in codes.T)
    money = [tuple(Decimal(f"{amount:.6f}") for amount in each) for each in (before, after)]
    return Case(Cube(tuple(names), values, codes, money[0], money[1]), tuple(masks))


def _injected(cells: tuple[list[str], NDArray[np.int64], Floats], cubes: int) -> Iterator[Case]:
    names, codes, money = cells
    for seed in range(cubes):
        case = _with_causes(np.random.default_rng(seed), codes, money, 0.3, 1, names)
        if case.causes:
            yield case


def _cells(file: Path) -> tuple[list[str], NDArray[np.int64], Floats]:
    """Sum a real file by those columns that tell its rows apart; only positive money can be multiplied."""
    import duckdb

    with duckdb.connect() as con:
        named = {row[0]: row[0] for row in con.execute(f"DESCRIBE SELECT * FROM '{file}'").fetchall()}
        columns = [name for name in COLUMNS if name in named] or _telling(con, file, list(named))
        cost = next(
            name for name in ("EffectiveCost", "BilledCost", "cost", "lineItem/UnblendedCost", "line_item_unblended_cost") if name in named
        )
        keys = ", ".join(f"""coalesce(CAST("{name}" AS VARCHAR), '')""" for name in columns)
        rows = con.execute(f"""SELECT {keys}, sum(TRY_CAST("{cost}" AS DOUBLE)) AS m FROM '{file}' GROUP BY ALL HAVING m > 0""").fetchall()
    codes = np.stack([np.unique([row[d] for row in rows], return_inverse=True)[1] for d in range(len(columns))], axis=1)
    return columns, codes, np.array([float(row[-1]) for row in rows])


def _telling(con: Any, file: Path, names: Sequence[str]) -> list[str]:
    """Columns of a bill in its provider's own form with a few to a few hundred values."""
    counts = [(name, con.execute(f"""SELECT count(DISTINCT CAST("{name}" AS VARCHAR)) FROM '{file}'""").fetchall()[0][0]) for name in names]
    return [name for name, count in counts if 2 <= count <= 300 and "cost" not in name.lower() and "date" not in name.lower()][:6]


def _score(cases: Sequence[Case]) -> dict[str, tuple[float, float]]:
    return {name: _of(find, cases) for name, find in FINDERS.items()}


def _of(find: Find, cases: Sequence[Case]) -> tuple[float, float]:
    """Return in which share of the cases exactly the causes come first, and the median CPU time."""
    right, laps = 0, []
    for case in cases:
        began = time.process_time()
        found = find(replace(case.cube), len(case.causes))
        laps.append(time.process_time() - began)
        right += sorted(mask.tobytes() for mask in found) == sorted(mask.tobytes() for mask in case.causes)
    return (right / len(cases), median(laps)) if cases else (float("nan"), float("nan"))


def _figures(found: dict[str, tuple[float, float]]) -> list[str]:
    return [text for share, seconds in found.values() for text in (f"{share:.2f}", ms(seconds))]


def ours(cube: Cube, most: int) -> list[Mask]:
    return [cube.inside(driver.key) for driver in drivers(cube)[:most]]


def drill_down(cube: Cube, most: int) -> list[Mask]:
    """The value that changed most of all dimensions, then within it, while one value holds nearly all of what changed."""
    found: list[Mask] = []
    before, after = cube.money
    open_cells = np.ones(len(before), dtype=bool)
    for _ in range(most):
        inside = open_cells.copy()
        for _ in range(3):
            change = np.where(inside, after - before, 0)
            sums: list[tuple[Any, int]] = [(np.bincount(cube.codes[:, d], change), d) for d in range(len(cube.dimensions))]
            best, d = max(((int(np.abs(each).argmax()), d) for each, d in sums), key=lambda pick: abs(sums[pick[1]][0][pick[0]]))
            if abs(sums[d][0][best]) < 0.8 * abs(change.sum()) and len(inside) != inside.sum():
                break
            inside &= cube.codes[:, d] == best
        found.append(inside)
        open_cells &= ~inside
    return found


def adtributor(cube: Cube, most: int) -> list[Mask]:
    """Values of the one dimension whose shares of the money changed most unexpectedly, by their part of the change."""
    before, after = cube.money
    change = float((after - before).sum()) or 1.0
    ranked = []
    for d in range(len(cube.dimensions)):
        then, now = (np.bincount(cube.codes[:, d], money, len(cube.values[d])) for money in (before, after))
        p, q = then / max(then.sum(), 1e-12), now / max(now.sum(), 1e-12)
        mean = (p + q) / 2
        surprise: Any = sum(np.where(one > 0, one * np.log(np.maximum(one, 1e-300) / np.maximum(mean, 1e-300)), 0) for one in (p, q)) / 2
        part = (now - then) / change
        chosen = [int(n) for n in np.argsort(-surprise) if part[n] > 0.1][:most]
        ranked.append((float(sum(surprise[n] for n in chosen)), d, chosen))
    _, d, chosen = max(ranked)
    return [cube.codes[:, d] == n for n in chosen]


FINDERS: Final[dict[str, Find]] = {"ours": ours, "drill-down": drill_down, "Adtributor": adtributor}


def _from_rows(data: Path, charges: int) -> Goal:
    """Ask for the change of the last days against as many before, over all rows of a ledger."""
    ledger = made_ledger(data, charges)
    half = timedelta(days=190)
    query = CostQuery(Period(TODAY - half, TODAY), Period(TODAY - 2 * half, TODAY - half))
    ask = partial(_ask, ledger, query)
    ask()
    laps = [ask() for _ in range(3)]
    ledger.close()
    heading(f"From {charges:,} charges to drivers and effects (median of three)")
    table(
        ("step", "wall ms", "CPU ms"),
        [(name, ms(median(lap[n] for lap in laps)), ms(median(lap[n + 1] for lap in laps))) for n, name in ((0, "read and explain"),)],
    )
    return Goal(f"drivers: from {charges:,} charges", median(lap[0] for lap in laps), 2, " s")


def _ask(ledger: Any, query: CostQuery) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for cube in compared(ledger, query, NOW).cubes:
        explain(cube)
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    import argparse

    parser = argparse.ArgumentParser(prog="python -m benchmarks.drivers", description=__doc__)
    parser.add_argument("--rows", type=Path, metavar="DIR", help="folder with the real bills, optscale/ and focus-sample/")
    parser.add_argument("--data", type=Path, default=Path("benchmark-data"), metavar="DIR", help="where the made ledger is kept")
    parser.add_argument("--cubes", type=int, default=100, help="made cubes a line (default: 100)")
    parser.add_argument("--charges", type=int, default=10_000_000, help="rows of the ledger that is asked; 0 leaves it out")
    options = parser.parse_args()
    for goal in run(options.rows, options.data, options.cubes, options.charges):
        print(goal)


if __name__ == "__main__":
    main()
