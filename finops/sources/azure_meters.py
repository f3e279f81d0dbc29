"""Azure's meters of language models: model, kind of token and tier, from names such as `gpt 4o 0513 cached Inp glbl Tokens`."""

from dataclasses import dataclass
from typing import Final

_MODELS_OF: Final = "(?i)openai|foundry models|azure ai|cognitive services"
_IN: Final = "inp|inpt|input|prompt|prmt"
_OUT: Final = "opt|out|outp|outpt|output|completion|cmpl"
_CACHED: Final = "cached|cachd|cchd|ccchd|cache|cd"
_TIERS: Final = "batch|flex|pp|priority"
_GAP: Final = r"[\s-]"
# The model is what stands before the first word that says how it is used.
_NAMED: Final = rf"(?i)^(?:az-)?(.+?){_GAP}+(?:{_TIERS}|{_CACHED}|{_IN}|{_OUT}|longco|shortco)(?:{_GAP}|$)"
_EMBEDDING: Final = rf"(?i)^(?:az-)?(.*embedding.*?)(?:{_GAP}+(?:gl|glbl|global|dz|dzone|regnl|tokens))*$"
# Data that leaves a place has a meter with `Out` in its name as well; it is counted in bytes.
_PLAIN: Final = "(?i)^[0-9,]+ *[KM]?( *tokens?)?$"
# `0513` is a date of the same model; the meter's own name keeps it.
_DATED: Final = "-(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:20[0-9][0-9])?$"

_AI_CATEGORIES: Final = "(?i)openai|foundry|cognitive (services|search)|azure ai|machine learning|bot service"
_AI_SERVICES: Final = r"(?i)^microsoft\.(cognitiveservices|machinelearning(services)?|search|botservice)$"


@dataclass(frozen=True)
class Meter:
    """SQL for a meter's name, its category and subcategory, and the unit of its price; none but the name and unit may be null."""

    name: str
    category: str
    subcategory: str
    unit: str

    @property
    def counts_tokens(self) -> str:
        """Whether it is one of a language model."""
        sold = f"regexp_matches({self.category} || ' ' || {self.subcategory}, '{_MODELS_OF}')"
        plain = f"regexp_matches(coalesce({self.unit}, '1'), '{_PLAIN}')"
        named = f"(regexp_matches({self.name}, '{_NAMED}') OR regexp_matches({self.name}, '{_EMBEDDING}'))"
        return f"coalesce({sold} AND {plain} AND {named}, FALSE)"

    @property
    def model(self) -> str:
        """OpenAI's newer meters begin with the version alone."""
        written = f"coalesce(nullif(regexp_extract({self.name}, '{_NAMED}', 1), ''), regexp_extract({self.name}, '{_EMBEDDING}', 1))"
        spelled = rf"regexp_replace(lower(regexp_replace(trim({written}), '\s+', '-', 'g')), '{_DATED}', '')"
        bare = f"regexp_matches({spelled}, '^[0-9]') AND contains(lower({self.category} || {self.subcategory}), 'openai')"
        return f"CASE WHEN NOT {self.counts_tokens} THEN NULL WHEN {bare} THEN 'gpt-' || {spelled} ELSE {spelled} END"

    @property
    def token_type(self) -> str:
        return f"""CASE WHEN NOT {self.counts_tokens} THEN NULL
            WHEN {self._has(_CACHED)} THEN CASE WHEN {self._has("wr|wrt|write")} THEN 'cache_write_5m' ELSE 'cache_read' END
            WHEN {self._has(_OUT)} THEN 'output'
            ELSE 'input' END"""

    @property
    def tier(self) -> str:
        return f"""CASE WHEN NOT {self.counts_tokens} THEN NULL WHEN {self._has("batch")} THEN 'batch'
            WHEN {self._has("flex")} THEN 'flex' WHEN {self._has("pp|priority")} THEN 'priority' END"""

    def is_ai(self, service: str) -> str:
        """Whether it is one of AI and machine learning; `service` is SQL for the resource provider that was used."""
        return f"(regexp_matches({self.category}, '{_AI_CATEGORIES}') OR regexp_matches(coalesce({service}, ''), '{_AI_SERVICES}'))"

    def _has(self, words: str) -> str:
        return rf"regexp_matches({self.name}, '(?i)(?:^|[\s-])(?:{words})(?:[\s-]|$)')"
