"""The JSON Schema of the two files, for editors: made of the same tables of fields that the files are read with."""

from collections.abc import Mapping
from typing import Any, Final

from finops.charges import DIMENSIONS
from finops.configuration import shapes
from finops.configuration.rulebook_anomalies import ANOMALIES
from finops.configuration.rulebook_approvals import GUARD
from finops.configuration.rulebook_budgets import BUDGET
from finops.configuration.rulebook_calendar import CALENDAR
from finops.configuration.rulebook_metrics import METRIC_FIELDS
from finops.configuration.rulebook_owners import OWNER_FIELDS
from finops.configuration.rulebook_prices import OWN_TIERS, PRICE_FIELDS
from finops.configuration.rulebook_quotas import QUOTA
from finops.configuration.rulebook_rules import RULE
from finops.configuration.rulebook_sections import RATE_FIELDS
from finops.configuration.rulebook_sources import SOURCE_FIELDS, SOURCE_KINDS
from finops.configuration.rulebook_steps import STEPS
from finops.configuration.rulebook_times import MAINTENANCE
from finops.configuration.rulebook_when import when_schema
from finops.configuration.shapes import Schema, Shape, Shapes
from finops.currencies import CURRENCIES
from finops.owners import MATCHABLE

DRAFT: Final = "http://json-schema.org/draft-07/schema#"

# The older sections read their fields one by one; what is not named here is a text.
_MATCH: Final = {
    **shapes.named(shapes.one_or_many(shapes.TEXT)),
    "propertyNames": {"anyOf": [{"enum": sorted(MATCHABLE)}, {"pattern": "^tag:."}]},
}
_SPECIAL: Final[Mapping[str, Mapping[str, Schema]]] = {
    "owner": {"match": _MATCH, "from": shapes.DAY, "to": shapes.DAY},
    "price": {
        **{name: shapes.NUMBER for name in PRICE_FIELDS if name.startswith("per_") or name.endswith(("_per_mtok", "_gpu_hour"))},
        "from": shapes.DAY,
        "until": shapes.DAY,
        "currency": shapes.CURRENCY,
        "tier": shapes.one_of(OWN_TIERS),
        "factor": shapes.NUMBER,
        "discount": shapes.SHARE,
    },
    "rate": {"from": shapes.CURRENCY, "to": shapes.CURRENCY, "on": shapes.DAY, "rate": shapes.NUMBER},
    "source": {"kind": shapes.one_of(tuple(SOURCE_KINDS)), "complete_after": {"type": "string", "pattern": "^[0-9]{1,4} ?[hd]$"}},
    "metric": {},
}


def _shapes_of(what: str, names: tuple[str, ...], *needed: str) -> Shapes:
    special = _SPECIAL[what]
    return {name: Shape(special.get(name, shapes.TEXT), f"A field of a {what}; docs/configuration.md.", name in needed) for name in names}


def _listed(shapes_of_one: Shapes) -> Schema:
    return shapes.list_of(shapes.table(shapes_of_one))


SECTIONS: Final[Mapping[str, Shapes]] = {
    "budgets": {
        "currency": Shape(shapes.CURRENCY, "The currency answers are given in."),
        "timezone": Shape(shapes.ZONE, "Where a day begins."),
        "owners": Shape(_listed(_shapes_of("owner", OWNER_FIELDS, "match")), "Who a charge belongs to."),
        "prices": Shape(_listed(_shapes_of("price", PRICE_FIELDS)), "Prices of models, over the built-in list."),
        "fx": Shape(_listed(_shapes_of("rate", RATE_FIELDS, *RATE_FIELDS)), "Exchange rates."),
        "sources": Shape(shapes.named(shapes.table(_shapes_of("source", SOURCE_FIELDS))), "Where bills come from."),
        "metrics": Shape(_listed(_shapes_of("metric", METRIC_FIELDS, "name", "file")), "Figures that costs are divided by."),
        "budgets": Shape(_listed(BUDGET), "Who may spend how much."),
        "quotas": Shape(_listed(QUOTA), "What the gateway lets through."),
        "calendar": Shape(shapes.table(CALENDAR), "Holidays, and what is planned."),
    },
    "rules": {
        "rules": Shape(_listed(RULE), "What to watch for, and what happens then."),
        "playbooks": Shape(shapes.named(shapes.defined("steps")), "Steps by a name."),
        "maintenance": Shape(_listed(MAINTENANCE), "When something is expected to be out of order."),
        "guard": Shape(shapes.table(GUARD), "What may never be moved, and who must agree to the rest."),
        "anomalies": Shape(shapes.table(ANOMALIES), "What counts as not usual, and how often that is told."),
    },
}


def schema_of(file: str) -> dict[str, Any]:
    """Return the schema of `budgets` or `rules`; a section without a value is as good as absent."""
    sections = {name: Shape(shapes.either(shape.schema, {"type": "null"}), shape.about) for name, shape in SECTIONS[file].items()}
    schema = {"$schema": DRAFT, "title": f"finops-bot {file}.yaml", **shapes.table(sections)}
    return {**schema, "definitions": _definitions(file)}


def _definitions(file: str) -> dict[str, Schema]:
    """Return what several fields refer to by name."""
    common: dict[str, Schema] = {"currency": {"enum": sorted(CURRENCIES)}, "scope": _scope()}
    return {**common, "when": when_schema(), "steps": STEPS} if file == "rules" else common


def _scope() -> Schema:
    values = shapes.one_or_many(shapes.TEXT)
    group = {
        "type": "object",
        "properties": {name: {**values, "description": dimension.about} for name, dimension in DIMENSIONS.items()},
        "patternProperties": {"^tag:.": values},
        "additionalProperties": False,
    }
    return shapes.either({"type": "string"}, group)
