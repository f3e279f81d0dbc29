"""What the fields of the files look like to an editor: pieces of JSON Schema, and a sentence for each field."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Shape:
    """One field: what may stand there, and what it is for; `needed` where its table is nothing without it."""

    schema: Schema
    about: str
    needed: bool = False


Shapes = Mapping[str, Shape]


def defined(name: str) -> Schema:
    """Refer to what the schema defines once; inside `allOf`, because beside a bare reference no description is read."""
    return {"allOf": [{"$ref": f"#/definitions/{name}"}]}


# What is read as text may be written as a number, a day or a truth value too.
TEXT: Final[Schema] = {"type": ["string", "number", "boolean"]}
WEB: Final[Schema] = {"type": "string", "pattern": "^https?://"}
NUMBER: Final[Schema] = {"type": ["number", "string"]}
WHOLE: Final[Schema] = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9.eE+]+$"}]}
FLAG: Final[Schema] = {"type": "boolean"}
SHARE: Final[Schema] = {"type": "string", "pattern": r"^[0-9]{1,4}(\.[0-9]{1,4})? ?%$", "examples": ["80%"]}
CHANGE: Final[Schema] = {"type": "string", "pattern": r"^[-+]?[0-9]{1,4}(\.[0-9]{1,4})? ?%$", "examples": ["+50%"]}
DURATION: Final[Schema] = {"type": "string", "pattern": "^[0-9]{1,4} ?[smhdw]$", "examples": ["15m", "6h", "7d"]}
CLOCK: Final[Schema] = {"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$", "examples": ["22:00"]}
DAY: Final[Schema] = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "examples": ["2026-01-31"]}
MOMENT: Final[Schema] = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}", "examples": ["2026-12-24", "2026-12-24 18:00"]}
CURRENCY: Final[Schema] = defined("currency")
# The words of a question, or a group of dimensions.
SCOPE: Final[Schema] = defined("scope")
ZONE: Final[Schema] = {"type": "string", "examples": ["UTC", "Europe/Zurich"]}


def one_of(words: Collection[str]) -> Schema:
    return {"enum": list(words)}


def list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def one_or_many(schema: Schema) -> Schema:
    return {"anyOf": [schema, {**list_of(schema), "minItems": 1}]}


def named(schema: Schema) -> Schema:
    """Fields whose names are free to choose."""
    return {"type": "object", "additionalProperties": schema}


def either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def table(shapes: Shapes, *, single: bool = False, more: Schema | None = None) -> Schema:
    """Fields by name and no others, unless they are `more`; `single` where exactly one of them stands."""
    needed = [name for name, shape in shapes.items() if shape.needed]
    properties = {name: {**shape.schema, "description": shape.about} for name, shape in shapes.items()}
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": more or False}
    if needed:
        schema["required"] = needed
    return {**schema, "minProperties": 1, "maxProperties": 1} if single else schema
