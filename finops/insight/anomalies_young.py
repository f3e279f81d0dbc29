"""What is odd for a series that is too young to have a tail of its own: its few days, beside what such days do elsewhere."""

from typing import Final

import numpy as np

from finops.insight.anomalies_expected import Course, median
from finops.insight.anomalies_grain import Grain
from finops.insight.panel import Floats

DOUBT: Final = 4.0  # so many known steps weigh as much as doubt about how far a series can go
USUAL: Final = 0.3  # how far series are from their level now and then, before their panel has shown it …
SHOWN: Final = 5.0  # … which so many series of it do
ALIKE: Final = 7.0  # known steps of a series that weigh as much as its panel
WIDE: Final = 2.5  # so many times as far as that is odd


def young_scores(found: Course, grain: Grain) -> Floats:
    """Return how odd each step of a young series is, above or below what is usual; 0 where it is not young."""
    odd = np.zeros_like(found.actual)
    young = (found.age >= grain.judged) & (found.age < grain.young + grain.refresh + grain.cycle)
    for step in np.flatnonzero(young.any(axis=0)).tolist():
        rows = np.flatnonzero(young[:, step])
        past = found.whole[rows, max(step - grain.level, 0) : step]
        usual = _usual(past)
        odd[rows, step] = np.nan_to_num(found.departure[rows, step] / usual / (WIDE * _reach(np.abs(past / usual[:, None] - 1))))
    return odd


def _usual(past: Floats) -> Floats:
    """Return the level of the steps before: of what costs nothing on most of its days, their mean."""
    known = np.maximum(past.shape[1] - np.isnan(past).sum(axis=1), 1)
    usual = np.fmax(median(past), np.nansum(past, axis=1) / known)
    return np.where(usual > 0, usual, np.nan)


def _reach(away: Floats) -> Floats:
    """Return how far each series may go: the second farthest of its steps, so that one odd day says nothing, drawn to the others'."""
    known = away.shape[1] - np.isnan(away).sum(axis=1)
    far = np.sort(np.nan_to_num(away), axis=1)[:, -2] * (1 + DOUBT / np.maximum(known, 1))
    panel = (far.sum() + SHOWN * USUAL) / (len(far) + SHOWN)
    return np.asarray((known * far + ALIKE * panel) / (known + ALIKE), dtype=np.float64)
