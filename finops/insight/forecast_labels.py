"""What kind of series it is, and in one sentence why it is forecast the way it is."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from finops.insight.forecast_members import mean_of, median_of
from finops.insight.panel import Floats

if TYPE_CHECKING:
    from finops.insight.forecast import Backtest

Label = Literal["unknown", "dead", "new", "short", "intermittent", "shifted", "volatile", "steady"]
NEW, SHORT, DEAD = 14, 56, 28  # days
ABOUT: dict[Label, str] = {
    "unknown": "nothing is known of it",
    "dead": f"nothing was charged for {DEAD} days, so nothing is expected",
    "new": "it is younger than two weeks: the level of its few days, with a wide band",
    "short": "it is younger than two months: mostly an equal mean, with a wide band",
    "intermittent": "it costs nothing on most days: its average, with a wide band",
    "shifted": "its level moved lately: the last days count most",
    "volatile": "its days are hard to foretell",
    "steady": "its days are much as foretold",
}


def labels(usual: Floats, wape: Floats) -> list[Label]:
    """Return the kind of each series, the first that fits of: unknown, dead, new, short, intermittent, shifted, volatile, steady."""
    known = np.isfinite(usual)
    age = np.where(known.any(axis=1), usual.shape[1] - known.argmax(axis=1), 0)
    spent = np.where(known, np.abs(usual), 0.0)
    silent = (spent[:, -DEAD:].sum(axis=1) == 0) & (age > DEAD)
    idle = mean_of(np.where(known, usual == 0, np.nan)[:, -SHORT:], 1) > 0.5
    cases: list[tuple[Label, NDArray[np.bool_]]] = [
        ("unknown", age == 0),
        ("dead", silent | (spent.sum(axis=1) == 0)),
        ("new", age < NEW),
        ("short", age < SHORT),
        ("intermittent", idle),
        ("shifted", shifted(usual)),
        ("volatile", np.nan_to_num(wape, nan=1.0) > 0.25),
    ]
    fits = np.stack([case for _, case in cases] + [np.ones(len(usual), dtype=np.bool_)])
    names: list[Label] = [*(name for name, _ in cases), "steady"]
    return [names[place] for place in fits.argmax(axis=0).tolist()]


def shifted(usual: Floats, recent: int = 14, before: int = 42) -> NDArray[np.bool_]:
    """Return which series run, for most of two weeks, at a level a quarter away from, and outside the scatter of, the six weeks before."""
    last, earlier = usual[:, -recent:], usual[:, -recent - before : -recent]
    if not earlier.shape[1]:
        return np.zeros(len(usual), dtype=np.bool_)
    level, middle = median_of(last, 1), median_of(earlier, 1)
    scatter = 1.4826 * median_of(np.abs(earlier - middle[:, None]), 1)
    moved = np.abs(level - middle)
    return np.asarray((moved > 0.25 * np.abs(middle)) & (moved > 3 * scatter) & np.isfinite(moved))


def reason(label: Label, weights: tuple[tuple[str, float], ...], test: "Backtest", *, lumpy: bool, free: bool) -> str:
    """Say in one sentence what was done with the series and what speaks for it."""
    if label == "unknown":
        return "Nothing is known of it, so nothing is predicted."
    ranked = sorted(weights, key=lambda pair: -pair[1])
    mix = ", ".join(f"{name} {weight:.0%}" for name, weight in ranked if weight >= 0.05) or "no member answered"
    skill = test.skill_vs_run_rate
    beside = f"; {1 - skill:.2f} times the error of the run-rate at {test.origins} past days" if skill is not None else ""
    tested = f"; days missed by {test.wape:.0%} in its past{beside}" if test.wape is not None else "; too young to be tested"
    monthly = "; monthly charges are repeated, not extrapolated" if lumpy else ""
    allowed = "; its months begin with free days, until an allowance is used up" if free else ""
    return f"{label.capitalize()}, {ABOUT[label]}: {mix}{tested}{monthly}{allowed}."
