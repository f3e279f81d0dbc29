"""Panels the detector's tests read: calm weeks with a little seeded noise, changed where a test says so."""

from datetime import date

import numpy as np

from finops.insight.panel import Floats, Key, Panel, Step

START = date(2026, 1, 5)  # a Monday
AT = 112  # the day most tests change: Monday 27 April 2026


def calm(steps: int = 140, *, noise: float = 0.02, seed: int = 1, level: float = 100.0) -> Floats:
    """Return days of about `level`, three fifths of it at weekends."""
    days = np.arange(steps)
    weekly = np.where(days % 7 >= 5, 0.6, 1.0)
    return np.asarray(level * weekly * np.exp(noise * np.random.default_rng(seed).standard_normal(steps)))


def hours(days: int = 28, *, seed: int = 1) -> Floats:
    """Return hours of about 10 by day and 4 by night."""
    step = np.arange(days * 24)
    return np.asarray(np.where(step % 24 < 8, 4.0, 10.0) * np.exp(0.03 * np.random.default_rng(seed).standard_normal(len(step))))


def panel(
    *series: Floats, step: Step = "day", complete: int | None = None, fixed: Floats | None = None, keys: tuple[Key, ...] = ()
) -> Panel:
    values = np.array(series, dtype=np.float64)
    names = keys or tuple((("team", f"t{number}"),) for number in range(len(series)))
    until = np.full(len(series), values.shape[1] if complete is None else complete, dtype=np.intp)
    return Panel(names, START, values, until, step=step, fixed=None if fixed is None else np.array([fixed]))
