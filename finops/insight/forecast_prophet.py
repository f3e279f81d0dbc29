"""Prophet as a forecasting member, for who asks for it: a fit for each series and origin, so it answers at few origins."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finops.insight.panel import Floats

if TYPE_CHECKING:
    from prophet import Prophet

TALKERS: Final = ("cmdstanpy", "prophet", "prophet.plot")
ANYWHERE: Final = date(2024, 1, 1)  # stands for the first column when nobody needs its date
SEED: Final = 1


@dataclass(frozen=True)
class ProphetMember:
    """Fits Prophet with its defaults, a weekly profile among them, at `fits` origins, the last one always among them.

    `holidays` share one effect of their own where `ends`, the day after the last column, says when the columns are.
    """

    fits: int = 6
    least: int = 14  # known days: fewer hold no weekday twice
    holidays: frozenset[date] = frozenset()
    ends: date | None = None
    samples: int = 0  # draws for bands of Prophet's own, which the mix has no use for

    @property
    def name(self) -> str:
        return "prophet"

    def paths(self, history: Floats, origins: Sequence[int], horizon: int) -> Floats:
        """Answer at the chosen origins; a series with fewer than `least` days known there gets none."""
        answers = np.full((len(origins), len(history), horizon), np.nan)
        for number in chosen(len(origins), self.fits):
            for row, series in enumerate(history[:, : origins[number]]):
                answers[number, row] = self.path(series, horizon, history.shape[1])
        return answers

    def path(self, series: Floats, horizon: int, columns: int | None = None) -> Floats:
        """Continue one series of a history that has `columns` days in all."""
        known = np.flatnonzero(~np.isnan(series))
        if len(known) < self.least:
            return np.full(horizon, np.nan)
        first = self.ends - timedelta(days=columns or len(series)) if self.ends else ANYWHERE
        with _silence():
            import pandas as pd

            days = pd.date_range(first, periods=len(series) + horizon)
            model = _model(self._holidays(), self.samples)
            model.fit(pd.DataFrame({"ds": days[known], "y": series[known]}), seed=SEED)
            found: Floats = model.predict(pd.DataFrame({"ds": days[len(series) :]}))["yhat"].to_numpy(dtype=np.float64)
        return np.maximum(found, min(0.0, float(series[known].min())))  # a trend downwards ends at nothing, credits apart

    def _holidays(self) -> Any:
        import pandas as pd

        if not self.ends or not self.holidays:
            return None
        return pd.DataFrame({"holiday": "holiday", "ds": pd.to_datetime(sorted(self.holidays))})


def chosen(origins: int, fits: int) -> list[int]:
    """Return which of the origins are worth a fit: the last, and others evenly before it."""
    return sorted({round(at) for at in np.linspace(origins - 1, 0, min(fits, origins))}) if fits > 1 else [origins - 1]


def _model(holidays: Any, samples: int) -> "Prophet":
    from prophet import Prophet

    return Prophet(daily_seasonality=False, holidays=holidays, uncertainty_samples=samples)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Prophet and its optimiser from telling about every fit, and about drawing that nobody asked for."""
    loggers = [logging.getLogger(name) for name in TALKERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
