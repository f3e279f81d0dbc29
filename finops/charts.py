"""An answer as a picture, drawn so that it is still read on a phone: nothing but charts knows matplotlib."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any, Final

from finops.answers import Answer, Row, Sums
from finops.money import percent, short, show
from finops.telling.names import clean, cut, distinct, label, others
from finops.telling.plots import CURRENCY_SIGNS, Layer, Plot, before_per_step, in_words, plot, step_labels, subtitle, title, weekday
from finops.telling.sentences import freshness

# Okabe and Ito's palette, told apart with every kind of colour vision; the rest is grey.
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")
REST: Final = "#9A9A9A"
INK: Final = "#1D1C1D"
FAINT: Final = "#616061"
GRID: Final = "#E3E3E3"
EMPTY: Final = "#F1F1F1"
LAYERS: Final = 6
MOST_BARS: Final = 92
INCHES: Final = (7.0, 3.5)
DPI: Final = 180
# Drawn with the first family that has the sign; the last one has a box for every sign there is.
FAMILIES: Final = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "IPAGothic", "Noto Sans Arabic")
LAST_FAMILY: Final = "Last Resort High-Efficiency"


@dataclass(frozen=True)
class Picture:
    """A PNG and its words; `alt_text` holds the numbers, at most 2000 characters."""

    png: bytes
    alt_text: str
    title: str


def draw(answer: Answer, *, currency: str | None = None) -> Picture:
    """Draw one currency of the answer, the first unless named: bars over time, or one bar a group where there is a single step."""
    sums = chosen(answer, currency)
    if sums is None:
        return Picture(_page(answer, None).png(), f"{title(answer, 200)}: no data.", title(answer))
    drawn = plot(answer, sums, LAYERS)
    page = _page(answer, sums)
    if all(cost is None for cost in drawn.costs):
        page.say("no data")
    elif len(drawn.steps) < 2 and drawn.grouped:
        _groups(page, sums, answer)
    else:
        _over_time(page, drawn, before_per_step(answer, sums))
    return Picture(page.png(), in_words(answer, sums, drawn), title(answer))


def chosen(answer: Answer, currency: str | None) -> Sums | None:
    """Return the figures in `currency`, by default the first."""
    if currency is None:
        return answer.sums[0] if answer.sums else None
    for sums in answer.sums:
        if sums.currency == currency:
            return sums
    raise ValueError(f"the answer has no figures in {currency}, only in {', '.join(each.currency for each in answer.sums) or 'nothing'}")


class Page:
    """One figure with its title, source line and plotting area; never shared between threads."""

    def __init__(self, families: list[str]) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.families = families
        self.figure = Figure(figsize=INCHES, dpi=DPI, facecolor="white")
        self.canvas: Any = FigureCanvasAgg(self.figure)
        self.axes: Any = None

    def area(self, left: float, right: float, *, bottom: float = 0.2, top: float = 0.76) -> Any:
        self.axes = self.figure.add_axes((left, bottom, right - left, top - bottom))
        for side in ("top", "right", "left"):
            self.axes.spines[side].set_visible(False)
        self.axes.spines["bottom"].set_color(FAINT)
        self.axes.tick_params(length=0, pad=5)
        self.axes.set_axisbelow(True)
        return self.axes

    def words(self, size: float, **more: Any) -> dict[str, Any]:
        """How text is set: names from outside are never read as formulas."""
        return {"family": self.families, "fontsize": size, "color": INK, "parse_math": False, **more}

    def bold(self, text: str) -> dict[str, Any]:
        """Bold, where the first family has all the signs; the others have but one weight."""
        from matplotlib.font_manager import FontProperties, findfont, get_font

        font = get_font(findfont(FontProperties(family=FAMILIES[0], weight="bold")))
        return {"family": FAMILIES[0], "weight": "bold"} if all(font.get_char_index(ord(sign)) for sign in text) else {}

    def write(self, x: float, y: float, text: str, size: float, **more: Any) -> Any:
        return self.figure.text(x, y, text, **self.words(size, **more))

    def fit(self, x: float, y: float, text: str, size: float, width: float, **more: Any) -> None:
        """Write on one line, cut to `width` of the figure."""
        self.shorten(self.write(x, y, text, size, **more), width)

    def shorten(self, text: Any, width: float) -> None:
        """Cut the first line as it is drawn: a name of wide letters takes more room than one of as many narrow ones."""
        name, *below = text.get_text().split("\n")
        while len(name) > 2 and self.width(text) > width:
            name = cut(name, max(2, min(len(name) - 1, int(len(name) * width / self.width(text)))))
            text.set_text("\n".join([name, *below]))

    def width(self, text: Any) -> float:
        return float(text.get_window_extent(self.canvas.get_renderer()).width) / (INCHES[0] * DPI)

    def say(self, text: str) -> None:
        self.write(0.5, 0.48, text, 16, ha="center", color=FAINT)

    def png(self) -> bytes:
        buffer = BytesIO()
        self.canvas.print_png(buffer)
        return buffer.getvalue()


def _page(answer: Answer, sums: Sums | None) -> Page:
    page = Page(families())
    page.fit(0.03, 0.915, title(answer, 80), 15, 0.94, **page.bold(title(answer, 80)))
    page.fit(0.03, 0.845, subtitle(answer, sums) if sums else "no data", 11.5, 0.94, color=FAINT)
    page.fit(0.03, 0.025, freshness(answer), 8.5, 0.76, color=FAINT)
    page.fit(0.97, 0.025, clean(answer.id), 8.5, 0.18, color=FAINT, ha="right")
    if sums is None:
        page.say("no data")
    return page


def families() -> list[str]:
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return [family for family in (*FAMILIES, LAST_FAMILY) if family in installed]


def _over_time(page: Page, drawn: Plot, before: tuple[str, Decimal] | None) -> None:
    marks = _marks(drawn, before)
    axes = page.area(0.105, 0.68 if drawn.grouped else 0.955, top=0.735 if marks else 0.79)
    if drawn.grouped or len(drawn.steps) <= MOST_BARS:
        low, high = _stacks(axes, drawn)
    else:
        low, high = _line(axes, drawn)
    if before is not None:
        axes.axhline(float(before[1]), color=INK, linewidth=1.3, dashes=(4, 3), zorder=4)
        low, high = min(low, float(before[1])), max(high, float(before[1]))
    money_axis(page, axes, low, high, drawn.currency)
    _time_axis(page, axes, drawn)
    _gaps(axes, drawn)
    if len(drawn.steps) <= 8:
        _amounts(page, axes, drawn, high - low)
    if drawn.grouped:
        _legend(page, _paint(drawn), 0.225, loc="upper left", bbox_to_anchor=(0.725, 0.8), ncols=1)
    if marks:
        _legend(page, marks, 0.6, loc="upper left", bbox_to_anchor=(0.03, 0.805), ncols=len(marks))


def _stacks(axes: Any, drawn: Plot) -> tuple[float, float]:
    """Pile the layers up from zero, and credits down from it; return the lowest and the highest end."""
    steps = range(len(drawn.steps))
    up, down = [0.0 for _ in steps], [0.0 for _ in steps]
    partial = set(drawn.partial)
    for layer, colour in zip(drawn.layers, colours(drawn.layers), strict=True):
        bars = []
        for n in steps:
            value = float(layer.values[n])
            ends = up if value > 0 else down
            bars.append((n, ends[n], ends[n] + value))
            ends[n] += value
        _bars(axes, [bar for bar in bars if bar[0] not in partial], colour, len(drawn.steps))
        _bars(axes, [bar for bar in bars if bar[0] in partial], colour, len(drawn.steps), faint=True)
    if _has_credits(drawn):
        net = [(n, float(cost)) for n, cost in enumerate(drawn.costs) if cost is not None and up[n] and down[n]]
        axes.plot(*zip(*net, strict=True), "D", color="white", markeredgecolor=INK, markersize=5, linestyle="none", zorder=5)
    margin = 0.1 + max(0, 4 - len(drawn.steps)) / 2  # a lone bar does not fill the page
    axes.set_xlim(-0.5 - margin, len(drawn.steps) - 0.5 + margin)
    return min(down), max(up)


def _bars(axes: Any, bars: Sequence[tuple[int, float, float]], colour: str, steps: int, *, faint: bool = False) -> None:
    from matplotlib.collections import PolyCollection

    half = 0.5 if steps > 60 else 0.39
    corners = [((n - half, low), (n - half, high), (n + half, high), (n + half, low)) for n, low, high in bars if low != high]
    if faint:
        light = _lighter(colour)
        axes.add_collection(PolyCollection(corners, facecolors=light, edgecolors=colour, hatch="////", linewidths=0.6))
    else:
        axes.add_collection(PolyCollection(corners, facecolors=colour, edgecolors="white", linewidths=0.5 if steps <= 40 else 0))


def _line(axes: Any, drawn: Plot) -> tuple[float, float]:
    """A filled line that breaks where data is missing, dotted where it is incomplete."""
    values = [float("nan") if cost is None else float(cost) for cost in drawn.costs]
    steps, partial = list(range(len(values))), set(drawn.partial)
    axes.fill_between(steps, values, color=_lighter(COLOURS[0]), linewidth=0)
    whole = [float("nan") if n in partial else value for n, value in enumerate(values)]
    near = partial | {n - 1 for n in partial}
    rest = [value if n in near else float("nan") for n, value in enumerate(values)]
    axes.plot(steps, whole, color=COLOURS[0], linewidth=1.8)
    axes.plot(steps, rest, color=COLOURS[0], linewidth=1.8, linestyle=":")
    axes.set_xlim(-0.5, len(steps) - 0.5)
    known = [value for value in values if value == value]
    return min([0.0, *known]), max([0.0, *known])


def money_axis(page: Page, axes: Any, low: float, high: float, currency: str) -> None:
    """Begin at zero, leave room for the amounts, and label few round numbers."""
    from matplotlib.ticker import MaxNLocator

    room = (high - low or 1.0) * 0.12
    axes.set_ylim(low - (room if low < 0 else 0), high + room)
    bounds = axes.get_ylim()
    ticks = [tick for tick in MaxNLocator(4, steps=[1, 2, 4, 5, 10]).tick_values(low, high or 1.0) if bounds[0] <= tick <= bounds[1]]
    axes.set_yticks(ticks, [short(_decimal(tick), currency) for tick in ticks], **page.words(10.5, color=FAINT))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    if low < 0:
        axes.axhline(0, color=FAINT, linewidth=0.9, zorder=3)
        axes.spines["bottom"].set_visible(False)


def _decimal(tick: float) -> Decimal:
    return Decimal(f"{tick:.12g}")


def money_tick(amount: float, currency: str, *, signed: bool = False) -> str:
    """Write an amount as an axis does; `signed` with a plus where it is more."""
    return f"{'+' if signed and amount > 0 else ''}{short(_decimal(amount), currency)}"


def _time_axis(page: Page, axes: Any, drawn: Plot) -> None:
    count = len(drawn.steps)
    names = step_labels(drawn.steps, drawn.grain)
    if drawn.grain == "day" and count <= 8:
        names = tuple(f"{weekday(step)}\n{name}" for step, name in zip(drawn.steps, names, strict=True))
    room = 5 if drawn.grouped else 7
    every = 1 if count <= 8 else -(-count // room)
    ticks = range((count - 1) % every, count, every)  # the newest step always has its label
    size = 9.5 if count <= 8 and drawn.grouped else 10.5
    axes.set_xticks(list(ticks), [names[n] for n in ticks], **page.words(size, color=FAINT))
    if drawn.grain == "week":
        page.write(0.105, 0.1, "weeks, by their Monday", 8.5, color=FAINT)


def _gaps(axes: Any, drawn: Plot) -> None:
    """Shade the steps without data: an empty place there would read as zero."""
    for n in drawn.missing:
        axes.axvspan(n - 0.5, n + 0.5, color=EMPTY, linewidth=0, zorder=0)


def _amounts(page: Page, axes: Any, drawn: Plot, height: float) -> None:
    """Write each step's cost above its bar, with a white rim where a line runs through."""
    from matplotlib.patheffects import withStroke

    rim = [withStroke(linewidth=3, foreground="white")]
    for n, cost in enumerate(drawn.costs):
        if cost is None:
            axes.text(n, height * 0.03, "no data", rotation=90, ha="center", va="bottom", **page.words(9, color=FAINT))
            continue
        top = sum(float(layer.values[n]) for layer in drawn.layers if layer.values[n] > 0)
        text = short(cost, drawn.currency)
        words = page.words(9.5 if len(text) < 7 else 8.5, zorder=6, path_effects=rim, **page.bold(text))
        axes.text(n, top + height * 0.02, text, ha="center", va="bottom", **words)


def _paint(drawn: Plot) -> list[tuple[Any, str]]:
    """What each colour stands for, with its sum."""
    from matplotlib.patches import Patch

    names = distinct((layer.name for layer in drawn.layers), 20)
    tints = colours(drawn.layers)
    return [
        (Patch(color=tint), f"{name}\n{short(layer.total, drawn.currency)}")
        for name, layer, tint in zip(names, drawn.layers, tints, strict=True)
    ]


def _marks(drawn: Plot, before: tuple[str, Decimal] | None) -> list[tuple[Any, str]]:
    """What hatching, shading, diamonds and dashes stand for."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    marks: list[tuple[Any, str]] = []
    if drawn.partial:
        marks.append((Patch(facecolor="#EFEFEF", edgecolor=FAINT, hatch="////", linewidth=0.6), "incomplete"))
    if drawn.missing:
        marks.append((Patch(facecolor=EMPTY, edgecolor=GRID), "no data"))
    if _has_credits(drawn):
        marks.append((Line2D([], [], marker="D", color="white", markeredgecolor=INK, markersize=5, linestyle="none"), "net"))
    if before is not None:
        when = before[0] if not drawn.grouped or len(before[0]) <= 16 else "before"
        text = f"{when}: {short(before[1], drawn.currency)} a day"
        marks.append((Line2D([], [], color=INK, linewidth=1.3, dashes=(4, 3)), text))
    return marks


def _has_credits(drawn: Plot) -> bool:
    """Whether some step holds both costs and credits, so that its bar ends elsewhere than at its cost."""
    columns = zip(*(layer.values for layer in drawn.layers), strict=True)
    return any(min(column) < 0 < max(column) for column in columns)


def _legend(page: Page, entries: Sequence[tuple[Any, str]], width: float, **place: Any) -> None:
    """Name what is drawn, each name at most `width` wide."""
    legend = page.figure.legend(
        [handle for handle, _ in entries],
        [text for _, text in entries],
        prop={"family": page.families, "size": 9.5 if len(entries) <= 6 else 9},
        frameon=False,
        handlelength=1.4,
        handletextpad=0.5,
        columnspacing=1.4,
        labelspacing=0.35,
        borderpad=0,
        borderaxespad=0,
        **place,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
        text.set_color(INK)
        page.shorten(text, width)


def _groups(page: Page, sums: Sums, answer: Answer) -> None:
    """One bar a group, the largest on top, with its amount and its share written out."""
    currency = cut(clean(sums.currency), CURRENCY_SIGNS)
    bars = _group_bars(sums, answer)
    names = distinct((name for name, _ in bars), 30)
    axes = page.area(0.34, 0.97, bottom=0.11, top=0.78)
    tints = [REST if name == others(sums.rest_groups) else COLOURS[0] for name, _ in bars]
    sizes = [float(cost) for _, cost in bars]
    axes.barh(range(len(bars)), sizes, color=tints, height=0.72)
    for n, name in enumerate(names):
        words = page.words(11 if len(bars) <= 8 else 9.5)
        page.shorten(axes.text(-0.015, n, name, transform=axes.get_yaxis_transform(), ha="right", va="center", **words), 0.3)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.invert_yaxis()
    axes.spines["bottom"].set_visible(False)
    reach = max([0.0, *sizes]) - min([0.0, *sizes]) or 1.0
    axes.set_xlim(min([0.0, *sizes]) - (reach * 0.02), max([0.0, *sizes]) + reach * 0.42)
    for n, (_, cost) in enumerate(bars):
        text = f"{show(cost, currency)}{f' · {percent(float(cost / sums.total))}' if sums.total else ''}"
        axes.text(max(0.0, float(cost)) + reach * 0.012, n, text, va="center", **page.words(10.5 if len(bars) <= 8 else 9))


def _group_bars(sums: Sums, answer: Answer, most: int = 10) -> list[tuple[str, Decimal]]:
    """The rows that cost something, then whatever they leave of the total."""
    known: list[Row] = [row for row in sums.rows if row.cost is not None][:most]
    bars = [(label(row.key, answer.query.by), row.cost or Decimal(0)) for row in known]
    left = (sums.total or Decimal(0)) - sum((cost for _, cost in bars), Decimal(0))
    return [*bars, (others(sums.rest_groups) if sums.rest_groups else "rest", left)] if left else bars


def colours(layers: Sequence[Layer]) -> list[str]:
    """The largest group always has the first colour; the rest is grey."""
    return [REST if layer.is_rest else COLOURS[n % len(COLOURS)] for n, layer in enumerate(layers)]


def _lighter(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    return (1 - (1 - red) * 0.45, 1 - (1 - green) * 0.45, 1 - (1 - blue) * 0.45)
