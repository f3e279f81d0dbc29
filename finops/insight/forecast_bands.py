"""How wrong a total may be: conformal intervals, the series' own past errors as the scale and everybody's as the shape."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finops.insight.forecast_members import mean_of
from finops.insight.panel import Floats

LEVELS = (0.025, 0.1, 0.9, 0.975)
# Quantiles of an error over its mean size for a bell with heavier tails (Student, four degrees): believed while few errors are known.
BELIEVED = (-2.78, -1.53, 1.53, 2.78)


@dataclass(frozen=True, eq=False)
class Scales:
    """The expected size of the error of each series now, and of each past error had it been left out."""

    now: Floats
    without: Floats


def scales(
    errors: Floats,
    sizes: Floats,
    overlap: float,
    apart: int = 1,
    cautious: float = 2.0,
    unseen: Floats | float = 0.35,
    panel: float | None = None,
) -> Scales:
    """Return how large errors [origin × series] are: the series' own mean, drawn towards the panel's while few windows are known.

    `panel` is the usual error of a series beside its size, by these errors unless told. Left out with an error are those fewer than
    `apart` origins away, which saw some of the same days. A series without a past is taken for twice as uncertain as the panel, and never
    better than `unseen` of its size.
    """
    known = np.isfinite(errors)
    size = np.where(known, np.abs(errors), 0.0) / np.where(sizes > 0, sizes, 1.0)
    total, count = size.sum(axis=0), known.sum(axis=0).astype(np.float64)
    usual = usual_error([own_errors(errors, sizes)]) if panel is None else panel
    middle = float(np.median(unseen)) / 2 if usual is None else usual
    fallback = np.where(count > 0, middle, np.maximum(2 * middle, unseen))
    now = _blend(total, count, fallback, overlap, cautious)
    without = _blend(total - near(size, apart), count - near(known.astype(np.float64), apart), fallback, overlap, cautious)
    return Scales(now * sizes, np.where(known & (sizes > 0), without * sizes, np.nan))


def own_errors(errors: Floats, sizes: Floats) -> Floats:
    """Return the mean error of each series beside its size; NaN where it was never tested."""
    return mean_of(np.abs(errors) / np.where(sizes > 0, sizes, 1.0), 0)


def usual_error(parts: Sequence[Floats]) -> float | None:
    """Return the error of the middle one of all series; None where none was ever tested."""
    known = np.concatenate([part[np.isfinite(part)] for part in parts])
    return float(np.median(known)) if len(known) else None


def near(values: Floats, apart: int) -> Floats:
    """Return for each origin the sum over itself and the origins fewer than `apart` away."""
    running = np.concatenate([np.zeros((1, values.shape[1])), values]).cumsum(axis=0)
    place = np.arange(len(values))
    return np.asarray(running[np.minimum(place + apart, len(values))] - running[np.maximum(place - apart + 1, 0)])


def _blend(total: Floats, count: Floats, prior: Floats, overlap: float, cautious: float) -> Floats:
    windows = count * overlap
    mean = total / np.maximum(count, 1)
    return np.asarray((mean * windows + prior * cautious) / (windows + cautious) + 1e-4)


def shape(ratios: Floats, overlap: float, prior: float = 50.0, soon: float = 20.0) -> tuple[float, ...]:
    """Return the quantiles of error over scale at `LEVELS`; with few independent errors those of a heavy-tailed bell weigh in.

    They count as `prior` windows, of which the panel has more in name than in fact: its series move together. How wide the bell is
    takes fewer errors to know, `soon` windows, than what its tails are like.
    """
    known = ratios[np.isfinite(ratios)]
    windows = len(known) * overlap
    found = np.quantile(known, LEVELS) if len(known) else np.zeros(len(LEVELS))
    wide = (float(np.abs(known).sum()) * overlap + soon) / (windows + soon)
    drawn = (found * windows + np.array(BELIEVED) * wide * prior) / (windows + prior)
    return tuple(float(quantile) for quantile in drawn)


@dataclass(frozen=True, eq=False)
class Ratios:
    """Past errors over their scale, of series that were tested at the same past days, and what each tells that its neighbour did not."""

    values: Floats
    overlap: float


def together(parts: Sequence[Ratios]) -> tuple[float, ...]:
    """Return the one shape of all errors, as a share of their scale: series of different ages are alike in it."""
    known = [part.values[np.isfinite(part.values)] for part in parts]
    count = sum(len(each) for each in known)
    windows = sum(len(each) * part.overlap for each, part in zip(known, parts, strict=True))
    return shape(np.concatenate(known), windows / max(count, 1))


def band(middle: Floats, scale: Floats, quantiles: tuple[float, ...]) -> tuple[Floats, Floats, Floats, Floats]:
    """Return low95, low80, high80 and high95 around a forecast, nested, with the forecast inside."""
    low95, low80, high80, high95 = (middle + quantile * scale for quantile in quantiles)
    low80, high80 = np.minimum(low80, middle), np.maximum(high80, middle)
    return np.minimum(low95, low80), low80, high80, np.maximum(high95, high80)
