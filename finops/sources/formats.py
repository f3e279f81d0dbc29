"""The bill formats that can be read from files, and the kinds of bill people name: two tables."""

from collections.abc import Iterable, Sequence
from typing import Final

from finops.sources.anthropic import ANTHROPIC
from finops.sources.aws import AWS
from finops.sources.aws_legacy import AWS_LEGACY
from finops.sources.azure import AZURE
from finops.sources.cost_explorer import COST_EXPLORER
from finops.sources.focus import FOCUS
from finops.sources.gcp import GCP
from finops.sources.mapping import Mapping, known_as, lacking, understood
from finops.sources.openai import OPENAI

FORMATS: Final[dict[str, Mapping]] = {each.name: each for each in (FOCUS, AWS, AWS_LEGACY, AZURE, GCP, ANTHROPIC, OPENAI, COST_EXPLORER)}

# What `finops-bot ingest KIND` may be called → the formats such bills come in; the header says which one it is.
KINDS: Final[dict[str, tuple[Mapping, ...]]] = {
    "focus": (FOCUS,),
    "aws": (AWS, AWS_LEGACY, FOCUS),
    "azure": (AZURE, FOCUS),
    "gcp": (GCP, FOCUS),
    "anthropic": (ANTHROPIC,),
    "openai": (OPENAI,),
    "cost-explorer": (COST_EXPLORER,),
}


def format_of(candidates: Sequence[Mapping], columns: Iterable[str]) -> Mapping:
    """Return the candidate that reads a header best: it lacks nothing it needs, and knows the most of the columns."""
    names = list(columns)
    return max(candidates, key=lambda each: (not lacking(each, names), known(each, names)))


def known(mapping: Mapping, columns: Iterable[str]) -> int:
    """Return how many of the columns a format can read."""
    names = list(columns)
    gathered = sum(mapping.gathered(name) is not None for name in names)
    return gathered + len(set(known_as(mapping, names).values()) & understood(mapping))


def recognise(columns: Iterable[str]) -> str | None:
    """Return the name of the format a header looks like, or None."""
    names = list(columns)
    best = format_of(list(FORMATS.values()), names)
    return None if lacking(best, names) else best.name


def kind_for(name: str) -> str:
    """Return the kind under which a format is ingested."""
    return next((kind for kind, formats in KINDS.items() if any(each.name == name for each in formats)), name)
