"""Courses with their bands, and changes taken apart, as pictures."""

from datetime import date, datetime
from typing import Any, Final

from finops.charts import COLOURS, EMPTY, FAINT, INK, REST, Page, Picture, families, money_axis, money_tick
from finops.telling.drawings import Bridge, Course, Drawing, Values
from finops.telling.names import clean, cut
from finops.telling.plots import step_labels

MOST_BARS: Final = 62
NAN: Final = float("nan")
UP: Final = COLOURS[3]
DOWN: Final = COLOURS[2]
LEFT: Final = 0.105
RIGHT: Final = 0.955


def draw_drawing(drawing: Drawing) -> Picture:
    """Draw a course over time or a bridge from one amount to another."""
    page = _page(drawing)
    if isinstance(drawing, Bridge):
        _bridge(page, drawing)
    else:
        _course(page, drawing)
    return Picture(page.png(), cut(drawing.alt_text or drawing.title, 2000), drawing.title)


def _page(drawing: Drawing) -> Page:
    page = Page(families())
    page.fit(0.03, 0.915, clean(drawing.title), 15, 0.94, **page.bold(clean(drawing.title)))
    page.fit(0.03, 0.845, clean(drawing.subtitle), 11.5, 0.94, color=FAINT)
    page.fit(0.03, 0.025, clean(drawing.footer), 8.5, 0.94, color=FAINT)
    return page


def _course(page: Page, drawn: Course) -> None:
    if not drawn.steps or not any(value is not None for value in (*drawn.actual, *drawn.expected)):
        page.say("no data")
        return
    axes = page.area(LEFT, RIGHT, top=0.735)
    shown: list[tuple[Any, str]] = []
    for band, alpha in ((drawn.outer, 0.16), (drawn.inner, 0.3)):
        if band:
            axes.fill_between(range(len(band[0])), _floats(band[0]), _floats(band[1]), color=COLOURS[4], alpha=alpha, linewidth=0, zorder=1)
    shown += _actual(axes, drawn)
    if any(value is not None for value in drawn.expected):
        (line,) = axes.plot(_floats(drawn.expected), color=COLOURS[0] if drawn.marks else INK, linewidth=1.5, dashes=(4, 2), zorder=4)
        shown.append((line, drawn.names[1]))
    shown += _bands_in_words(drawn)
    for mark in drawn.marks:
        axes.axvspan(mark.first - 0.5, mark.last + 0.5, color=UP, alpha=0.14, linewidth=0, zorder=0)
    if drawn.marks:
        shown.append((_patch(UP, 0.25), drawn.marks[0].label))
    if drawn.level:
        line = axes.axhline(drawn.level[0], color=UP, linewidth=1.3, zorder=3)
        shown.append((line, drawn.level[1]))
    low, high = _reach(drawn)
    money_axis(page, axes, low, high, drawn.currency)
    _missing(axes, drawn)
    _steps_axis(page, axes, drawn)
    _legend(page, shown)


def _actual(axes: Any, drawn: Course) -> list[tuple[Any, str]]:
    """Bars for days one can count, a line for more."""
    values = _floats(drawn.actual)
    axes.set_xlim(-0.6, max(len(drawn.steps), 2) - 0.4)
    if len(drawn.steps) > MOST_BARS:
        (line,) = axes.plot(values, color=COLOURS[0], linewidth=1.7, zorder=3)
        return [(line, drawn.names[0])]
    whole = [n for n, value in enumerate(values) if value == value and n not in drawn.partial]
    part = [n for n, value in enumerate(values) if value == value and n in drawn.partial]
    axes.bar(whole, [values[n] for n in whole], width=0.78, color=COLOURS[0], zorder=2)
    axes.bar(part, [values[n] for n in part], width=0.78, color="white", edgecolor=COLOURS[0], hatch="////", linewidth=0.6, zorder=2)
    known = [(_patch(COLOURS[0]), drawn.names[0])] if whole else []
    return [*known, *([(_patch("white", hatch="////", edgecolor=COLOURS[0]), "incomplete")] if part else [])]


def _bands_in_words(drawn: Course) -> list[tuple[Any, str]]:
    bands = [(drawn.inner, 0.45, "80 %"), (drawn.outer, 0.2, "95 %")]
    return [(_patch(COLOURS[4], alpha), words) for band, alpha, words in bands if band]


def _patch(colour: str, alpha: float = 1.0, **more: Any) -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor=colour, alpha=alpha, linewidth=0.6 if more else 0, **more)


def _reach(drawn: Course) -> tuple[float, float]:
    ends: list[Values] = [drawn.actual, drawn.expected, *(drawn.inner or ()), *(drawn.outer or ())]
    known = [value for values in ends for value in values if value is not None]
    level = [drawn.level[0]] if drawn.level else []
    return min([0.0, *known]), max([0.0, *known, *level])


def _missing(axes: Any, drawn: Course) -> None:
    """Shade the steps without any figure: an empty place there would read as zero."""
    expected = [*drawn.expected, *[None] * (len(drawn.steps) - len(drawn.expected))]
    for n, (actual, other) in enumerate(zip(drawn.actual, expected, strict=False)):
        if actual is None and other is None:
            axes.axvspan(n - 0.5, n + 0.5, color=EMPTY, linewidth=0, zorder=0)


def _steps_axis(page: Page, axes: Any, drawn: Course) -> None:
    count = len(drawn.steps)
    days = [step.date() if isinstance(step, datetime) else step for step in drawn.steps]
    names = list(step_labels(days, "day"))
    if any(isinstance(step, datetime) for step in drawn.steps):
        names = [_hour(step, name) for step, name in zip(drawn.steps, names, strict=True)]
    every = 1 if count <= 8 else -(-count // 7)
    ticks = range((count - 1) % every, count, every)
    axes.set_xticks(list(ticks), [names[n] for n in ticks], **page.words(10.5, color=FAINT))


def _hour(step: date | datetime, day: str) -> str:
    return f"{step:%H:%M}\n{day}" if isinstance(step, datetime) else day


def _legend(page: Page, shown: list[tuple[Any, str]]) -> None:
    from matplotlib.font_manager import FontProperties

    if shown:
        page.figure.legend(
            [handle for handle, _ in shown],
            [clean(cut(words, 34)) for _, words in shown],
            loc="upper left",
            bbox_to_anchor=(0.022, 0.82),
            ncols=len(shown),
            frameon=False,
            prop=FontProperties(family=page.families, size=9),
            handlelength=1.3,
            handletextpad=0.5,
            columnspacing=1.2,
            labelcolor=FAINT,
        )


def _bridge(page: Page, drawn: Bridge) -> None:
    """From what it was to what it is, part by part, each beginning where the last one ended; across, since names are long."""
    axes = page.area(0.31, 0.86, bottom=0.1, top=0.79)
    rows = [drawn.before, *drawn.parts, drawn.after]
    at = drawn.before[1]
    for n, (_, amount) in enumerate(rows):
        if n in (0, len(rows) - 1):
            axes.barh(n, amount, color=REST, height=0.66, zorder=2)
            start, end = 0.0, amount
        else:
            start, end = at, at + amount
            axes.barh(n, amount, left=at, color=UP if amount > 0 else DOWN, height=0.66, zorder=2)
            at = end
        text = money_tick(amount, drawn.currency, signed=0 < n < len(rows) - 1)
        axes.annotate(text, (max(start, end), n), xytext=(4, 0), textcoords="offset points", va="center", **page.words(10))
    for n, (name, _) in enumerate(rows):
        words = page.words(10.5 if len(rows) <= 9 else 9)
        page.shorten(axes.text(-0.015, n, clean(name), transform=axes.get_yaxis_transform(), ha="right", va="center", **words), 0.27)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.invert_yaxis()
    axes.spines["bottom"].set_visible(False)
    axes.axvline(0, color=FAINT, linewidth=0.9, zorder=1)


def _floats(values: Values) -> list[float]:
    return [NAN if value is None else float(value) for value in values]
