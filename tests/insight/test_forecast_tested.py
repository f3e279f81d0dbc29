"""How far off a series may be: by its own past, and by everybody's where that is short."""

import numpy as np

from finops.insight.forecast import forecast
from tests.insight.forecast_samples import QUICK, days_from, noisy, panel, sure


def test_a_young_series_is_drawn_towards_the_errors_of_older_ones() -> None:
    """Thirty even days alone promise much; beside twenty restless old series less."""
    young = np.pad(noisy(1, 30, noise=0.01)[0], (300, 0), constant_values=np.nan)
    today = panel(young).day(330)
    widths = []
    for rows in ([young], [*noisy(20, 330, noise=0.5), young]):
        found = forecast(panel(*rows), days_from(today, 20), today=today, members=QUICK)[-1]
        widths.append((sure(found.high80) - sure(found.low80)) / sure(found.total))
    assert 1.3 * widths[0] < widths[1]
