"""One gradient-boosted model for all series: how far the weeks ahead depart from a weekday profile × level, learned from all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from finops.insight.forecast_members import WEEK, House, by_weeks, mean_of
from finops.insight.panel import Floats

WINDOWS = (1, 3, 7, 14, 28, 56)  # days whose means tell where a series is going
FEWEST_ROWS = 200  # with fewer examples the model would learn them by heart


@dataclass(frozen=True)
class Boosted:
    """The house forecast times a learned ratio per week ahead; trained on the days before the origins it answers for.

    Everything it sees is a ratio to the series' own level, so a series of cents teaches one of millions. It is trained afresh for
    each of `trainings` stretches of origins, never on a day after the first of them.
    """

    trainings: int = 2
    rows: int = 5_000
    base: House = field(default_factory=lambda: House(memory=0.92))
    name: str = "boosted trees"
    prior: float = 0.2
    serves: str = "near"

    def paths(self, history: Floats, origins: Sequence[int], horizon: int) -> Floats:
        plain = self.base.paths(history, origins, horizon)
        stretches = [*np.array_split(np.asarray(origins[:-1]), self.trainings), np.asarray(origins[-1:])]
        ratios = [self._ratios(history, stretch.tolist(), horizon) for stretch in stretches if len(stretch)]
        return np.asarray(plain * np.concatenate(ratios))

    def _ratios(self, history: Floats, origins: Sequence[int], horizon: int) -> Floats:
        weeks = -(-horizon // WEEK)
        model = self._trained(history[:, : origins[0]], horizon)
        if model is None:
            return np.ones((len(origins), len(history), horizon))
        features = np.concatenate([per_week(seen(history[:, :origin]), weeks) for origin in origins])
        trust = independent(history[:, : origins[0]])
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        with threadpool_limits(1):
            said = model.predict(features)
        ratios = 1 + trust * (said.clip(0.3, 3.0).reshape(len(origins), len(history), weeks) - 1)
        return np.asarray(np.repeat(ratios, WEEK, axis=2)[:, :, :horizon])

    def _trained(self, history: Floats, horizon: int) -> Any:
        features, ratios = self._examples(history, horizon)
        if len(ratios) < FEWEST_ROWS:
            return None
        from sklearn.ensemble import HistGradientBoostingRegressor  # half a second to load
        from threadpoolctl import threadpool_limits

        model = HistGradientBoostingRegressor(
            max_iter=30, learning_rate=0.1, max_leaf_nodes=12, min_samples_leaf=max(20, len(ratios) // 200), l2_regularization=5.0,
            early_stopping=False, random_state=0,
        )  # fmt: skip
        with threadpool_limits(1):  # on busy cores, threads that wait for each other cost a hundred times what they save
            return model.fit(features, ratios)

    def _examples(self, history: Floats, horizon: int) -> tuple[Floats, Floats]:
        """Return features and ratios (actual week over house week) of past origins, thinned evenly to `rows`."""
        weeks = -(-horizon // WEEK)
        examples = len(history) * weeks * history.shape[1]
        starts = list(range(history.shape[1] - weeks * WEEK, 4 * WEEK, -max(3, examples // (2 * self.rows) + 1)))
        if not starts:
            return np.empty((0, len(WINDOWS) + 4)), np.empty(0)
        parts = [self._example(history, start, weeks) for start in starts]
        features, ratios = (np.concatenate(side) for side in zip(*parts, strict=True))
        usable = np.isfinite(ratios)
        keep = np.flatnonzero(usable)[:: max(1, int(usable.sum()) // self.rows)]
        return features[keep], ratios[keep]

    def _example(self, history: Floats, start: int, weeks: int) -> tuple[Floats, Floats]:
        expected = self.base.paths(history, [start], weeks * WEEK)[0].reshape(len(history), weeks, WEEK).sum(axis=2)
        came = history[:, start : start + weeks * WEEK].reshape(len(history), weeks, WEEK).sum(axis=2)
        ratio = np.where(expected > 0, came / np.where(expected > 0, expected, 1.0), np.nan)
        return per_week(seen(history[:, :start]), weeks), ratio.clip(0.0, 3.0).ravel()


def independent(history: Floats, enough: float = 100.0) -> float:
    """Return how far to trust what was learned: overlapping weeks of few series repeat one story many times over."""
    months = float(np.isfinite(history).sum()) / 28
    return months / (months + enough)


def seen(history: Floats) -> Floats:
    """Return what is known of each series at its end: means of its last days over its level, its unrest, its zeros and its age."""
    level = mean_of(history[:, -28:], 1)
    scale = np.where(level > 0, level, np.nan)[:, None]
    means = np.stack([mean_of(history[:, -days:], 1) for days in WINDOWS], axis=1) / scale
    weekly = by_weeks(history, 8).mean(axis=2) / scale
    unrest = np.nanstd(np.where(np.isfinite(weekly).any(axis=1, keepdims=True), weekly, 0.0), axis=1)
    steps = np.abs(np.diff(history[:, -29:], axis=1))
    jumps = mean_of(steps, 1) / scale[:, 0]
    zeros = mean_of(np.where(np.isfinite(history[:, -56:]), history[:, -56:] <= 0, np.nan), 1)
    return np.concatenate([means.clip(-5, 5), np.stack([unrest, jumps, zeros], axis=1)], axis=1)


def per_week(features: Floats, weeks: int) -> Floats:
    """Return one row per series and week ahead, the week as the last feature."""
    ahead = np.tile(np.arange(weeks, dtype=float), len(features))[:, None]
    return np.concatenate([np.repeat(features, weeks, axis=0), ahead], axis=1)
