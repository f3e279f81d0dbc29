"""Teaches the language on one screen, printed from the tables that read it."""

from dataclasses import dataclass
from typing import Final

from finops.charges import DIMENSIONS, Dimension
from finops.language.echo import GRAIN_ADVERBS
from finops.language.period_words import FORMS
from finops.language.words import DIMENSION_WORDS, GRAIN_ABOUT, METRIC_ABOUT


@dataclass(frozen=True)
class Example:
    """A question, or a part of one, and what it asks."""

    text: str
    about: str


HELP: Final = (
    Example("last 7d", "what everything cost in the seven whole days before today"),
    Example("team=ml last 7d", "one team, and the change against the seven days before"),
    Example("team=ml,search this month by team", "two teams side by side, so far this month"),
    Example("top 5 models last 30d", "the five most expensive models"),
    Example("last month by service vs last year", "last month by service, against the same days a year before"),
    Example("env!=prod last 4w by project weekly", "everything outside production, week by week"),
    Example("team=none last month by account", "what nobody owns, and where it comes from"),
    Example("service=Amazon* 2026-03 by region", "a pattern, and a month by its name"),
    Example("2026-03-01..2026-03-15 vs 2026-02-01..2026-02-15", "two stretches of days, last days included"),
    Example("tag:cost-center=42 model=claude* last 7d daily", "a tag and a family of models, day by day"),
    Example("provider=Anthropic mtd cost=billed in EUR", "what the invoice will say, in euros"),
    Example("category=Credit this year by provider monthly", "the credits received, month by month"),
    Example("custo da equipe=ml nos últimos 7 dias por modelo", "the same language in Portuguese"),
)
FILTERS: Final = (
    Example("team=ml", "exactly this value"),
    Example("team!=ml", "anything else"),
    Example('team=ml,"data science"', "any of these; quotes hold spaces and commas"),
    Example("service=Amazon*", "a pattern; * stands for any signs"),
    Example("team=none", "nobody owns it; team=* somebody does"),
    Example("tag:cost-center=42", "a tag of the bill"),
    Example("env:prod", "the same as env=prod"),
)
SPLITS: Final = (
    Example("by model", "also by=model,env: up to 3 dimensions"),
    Example("top 10", "how many rows to show, 1 to 100"),
    Example("count=user", "how many different users, beside the cost"),
)
COMPARISONS: Final = (
    Example("vs previous", "what happens anyway: as many days directly before; a month with the month before"),
    Example("vs last year", "the same days a year before"),
    Example("vs 2026-02", "any period, said as above"),
    Example("vs none", "no comparison"),
)
CURRENCY: Final = (Example("in EUR", "converted at the rates of budgets.yaml; otherwise as billed or in the reporting currency"),)


def help_parts() -> tuple[tuple[str, tuple[Example, ...]], ...]:
    """Return the parts of the help, each a title and its rows."""
    return (
        ("A question is filters, a period and a way to split, in any order; without a period it is about the last 7d.", HELP),
        ("Filters", FILTERS),
        ("Dimensions, to filter and split by", tuple(map(_dimension, DIMENSIONS.values()))),
        ("Periods; weeks begin on Monday", tuple(Example(form.example, form.about) for form in FORMS)),
        ("Comparisons", COMPARISONS),
        ("Splitting", SPLITS),
        ("Steps of the chart", tuple(Example(word, GRAIN_ABOUT[grain]) for grain, word in GRAIN_ADVERBS.items())),
        ("Kinds of cost", tuple(Example(f"cost={metric}", about) for metric, about in METRIC_ABOUT.items())),
        ("Currency", CURRENCY),
    )


def help_text() -> str:
    """Return the whole language as one text."""
    return "\n\n".join(_part(title, rows) for title, rows in help_parts())


def _part(title: str, rows: tuple[Example, ...]) -> str:
    width = max(len(row.text) for row in rows)
    return "\n".join([title, *(f"  {row.text:<{width}}  {row.about}" for row in rows)])


def _dimension(known: Dimension) -> Example:
    aliases = [word.replace("_", " ") for word, meaning in DIMENSION_WORDS.items() if meaning == known.name != word]
    return Example(known.name, f"{known.about}{'; or ' + ', '.join(aliases) if aliases else ''}")
