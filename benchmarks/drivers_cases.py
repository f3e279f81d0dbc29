"""Cubes with causes put in: made ones, cells of real bills with noise, and two real periods whose own change is the noise."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from finops.insight.drivers_cube import Codes, Cube, Floats

SIZES: Final = (("provider", 4), ("model", 12), ("team", 15), ("feature", 20), ("region", 6), ("env", 3))
CELLS: Final = 8  # that a cause has at least
NOISE: Final = 0.3
Mask = NDArray[np.bool_]
Effect = Callable[[np.random.Generator], float]


@dataclass(frozen=True)
class Case:
    """A cube and the cells of each of its causes."""

    cube: Cube
    causes: tuple[Mask, ...]

    @property
    def moved(self) -> float:
        """What part of all that moved, cell by cell, the cells of the causes are."""
        off = np.abs(self.cube.money[1] - self.cube.money[0])
        return float(off[np.any(self.causes, axis=0)].sum() / off.sum())


@dataclass(frozen=True)
class Rows:
    """Cells of a real bill: which columns tell them apart; `halves` is a condition that is true of the later of two periods."""

    name: str
    file: str
    cost: str
    columns: tuple[str, ...]
    halves: str = ""


@dataclass(frozen=True)
class Cells:
    """What cells cost before; `after` where a second real period follows."""

    names: tuple[str, ...]
    codes: Codes
    before: Floats
    after: Floats | None = None


def _either(chance: np.random.Generator) -> float:
    return float(chance.uniform(1.5, 4) if chance.random() < 0.7 else chance.uniform(0.1, 0.5))


EFFECTS: Final[dict[str, Effect]] = {
    "any": _either,
    "x 3": lambda _: 3.0,
    "x 0.3": lambda _: 0.3,
    "gone": lambda _: 0.0,
    "new": lambda _: float("inf"),
}
REAL: Final = (
    Rows(
        "optscale (AWS)",
        "optscale/raw_aws_cnr.parquet",
        "cost",
        (
            *("cloud_account_id", "resource_id", "lineItem/AvailabilityZone"),
            *("lineItem/LineItemDescription", "lineItem/LineItemType", "lineItem/Operation"),
        ),
    ),
    Rows(
        "focus-sample",
        "focus-sample/focus_sample.csv",
        "EffectiveCost",
        ("ServiceName", "SubAccountId", "RegionId", "ChargeCategory", "PricingCategory", "SkuId", "ResourceType"),
    ),
    Rows(
        "optscale (Azure)",
        "optscale/raw_azure_cnr.parquet",
        "cost",
        (
            *("account", "resource_group", "resource_location", "resource_id"),
            *("meter_details.meter_category", "meter_details.meter_sub_category", "meter_details.meter_name"),
        ),
    ),
    Rows(
        "optscale, all clouds",
        "optscale/daily_expenses_days_60_to_21.csv.gz",
        "cost",
        ("account", "cloud", "resource_type", "region", "service", "pool"),
    ),
    Rows(
        "aws-cur2",
        "aws-cur2-real/aws_cur2_daily_2026-04.csv.gz",
        "line_item_unblended_cost",
        (
            *("line_item_product_code", "line_item_usage_type", "line_item_operation"),
            *("product_region_code", "product_product_family", "line_item_resource_id"),
        ),
    ),
    Rows(
        "azure-ea",
        "azure-ea-samples/EA_AmortizedCost_Small.csv",
        "Cost",
        ("SubscriptionName", "MeterCategory", "MeterSubCategory", "MeterRegion", "ResourceGroup", "PricingModel"),
    ),
    Rows(
        "nise (GCP)",
        "nise-generated-synthetic/gcp_202509_8e9f7a5c-68ca-44a1-ba2d-631c767ae52f_2025-09-01_2025-10-01.csv.gz",
        "cost",
        ("service.description", "sku.description", "labels", "system_labels", "usage.unit"),
    ),
    Rows(
        "nise (Azure)",
        "nise-generated-synthetic/azure_costreport_df196d6e-f333-4ace-b637-b96219961bdf.csv.gz",
        "CostInBillingCurrency",
        ("ResourceGroupName", "ResourceLocation", "MeterCategory", "MeterSubCategory", "ServiceFamily", "ResourceId", "MeterName"),
    ),
)
TWO_PERIODS: Final = (
    Rows(
        "optscale, 20 days and the next",
        "optscale/daily_expenses_days_60_to_21.csv.gz",
        "cost",
        ("account", "cloud", "resource_type", "region", "service", "pool"),
        "days_ago <= 40",
    ),
    Rows(
        "servegen, a week and the next",
        "servegen/client_rate_10min_small_large.parquet",
        "rate",
        ("model", "client", "t // 86400 % 7", "t // 21600 % 4"),
        "t >= 604800",
    ),
)


def made(seed: int, cells: int, noise: float, causes: int, effect: str = "any") -> Case | None:
    """Random cells; causes cover 1 to 50 % of the money, at least eight cells, and overlap little."""
    chance = np.random.default_rng(seed)
    columns = {name: _skewed(chance, cells, size) for name, size in SIZES}
    columns["provider"] = columns["model"] % 4
    codes = np.unique(np.stack([columns[name] for name, _ in SIZES], axis=1), axis=0)
    before = np.exp(chance.normal(2.3, 1.5, len(codes)))
    return with_causes(chance, Cells(tuple(name for name, _ in SIZES), codes, before), noise, causes, effect)


def _skewed(chance: np.random.Generator, count: int, size: int) -> NDArray[np.int64]:
    weights = np.arange(1, size + 1) ** -0.8
    return chance.choice(size, count, p=weights / weights.sum())


def injected(cells: Cells, cubes: int, causes: int = 1, effect: str = "any", least: int = CELLS) -> Iterator[Case]:
    """Put causes into real cells, of which fewer may have room for as many."""
    for seed in range(cubes):
        case = with_causes(np.random.default_rng(seed), cells, NOISE, causes, effect, least)
        if case is not None:
            yield case


def with_causes(
    chance: np.random.Generator, cells: Cells, noise: float, causes: int, effect: str = "any", least: int = CELLS
) -> Case | None:
    """Multiply the cells of as many slices; None where that many are not found."""
    before, masks = cells.before.copy(), list[Mask]()
    after = before * np.clip(1 + chance.normal(0, noise, len(before)), 0.02, None) if cells.after is None else cells.after.copy()
    for _ in range(20_000):
        if len(masks) == causes:
            break
        dims = chance.choice(len(cells.names), chance.integers(1, min(len(cells.names), 3) + 1), replace=False)
        mask: Mask = (cells.codes[:, dims] == cells.codes[chance.integers(len(before)), dims]).all(axis=1)
        if may_be_cause(mask, cells.before, least) and all((mask & one).sum() <= 0.3 * min(mask.sum(), one.sum()) for one in masks):
            _multiply(before, after, mask, EFFECTS[effect](chance))
            masks.append(mask)
    return Case(_cube(cells, before, after), tuple(masks)) if len(masks) == causes else None


def may_be_cause(mask: Mask, before: Floats, least: int = CELLS) -> bool:
    return bool(mask.sum() >= least and 0.01 <= before[mask].sum() / before.sum() <= 0.5)


def _multiply(before: Floats, after: Floats, mask: Mask, ratio: float) -> None:
    if np.isinf(ratio):
        before[mask] = 0
    else:
        after[mask] *= ratio


def _cube(cells: Cells, before: Floats, after: Floats) -> Cube:
    values = tuple(tuple(f"v{n:03}" for n in range(int(column.max()) + 1)) for column in cells.codes.T)
    money = [tuple(Decimal(f"{amount:.12f}") for amount in each) for each in (before, after)]
    return Cube(cells.names, values, cells.codes, money[0], money[1])


def real_cells(data: Path, rows: Rows) -> Cells:
    """Sum a real file by those columns; only positive money can be multiplied."""
    import duckdb

    keys = ", ".join(f"coalesce(CAST({_quoted(column)} AS VARCHAR), '') AS k{n}" for n, column in enumerate(rows.columns))
    money = f"""TRY_CAST("{rows.cost}" AS DOUBLE)"""
    sums = f"sum({money}), 0" if not rows.halves else f"sum({money}) FILTER (NOT ({rows.halves})), sum({money}) FILTER ({rows.halves})"
    with duckdb.connect() as con:
        found = con.execute(f"SELECT {keys}, {sums} FROM '{data / rows.file}' GROUP BY ALL ORDER BY ALL").fetchall()
    kept = [row for row in found if (row[-2] or 0) >= 0 and (row[-1] or 0) >= 0 and (row[-2] or row[-1])]
    codes = np.stack([np.unique([row[d] for row in kept], return_inverse=True)[1] for d in range(len(rows.columns))], axis=1)
    before, after = (np.array([float(row[n] or 0) for row in kept]) for n in (-2, -1))
    return Cells(rows.columns, codes, before, after if rows.halves else None)


def _quoted(column: str) -> str:
    """A column as it is named, or what to work out where that has spaces."""
    return column if " " in column else f'"{column}"'


def costing(cube: Cube) -> Mask:
    """The cells that cost anything in either period: of the others nobody can say whether a cause had them."""
    found: Mask = (cube.money[0] != 0) | (cube.money[1] != 0)
    return found


def right(case: Case, found: Sequence[Mask]) -> bool:
    """Tell whether these are exactly the causes, in any order: keys that select the same cells are the same answer."""
    seen = costing(case.cube)
    return sorted((mask & seen).tobytes() for mask in found) == sorted((mask & seen).tobytes() for mask in case.causes)
