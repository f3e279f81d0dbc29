"""Names configuration by its content: layout, comments and the way a number is written do not change the name."""

import hashlib
import json
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal

from finops.yamlfile import Node, plain


def digest_of(content: object) -> str:
    """Return the SHA-256 of the content in canonical JSON."""
    return hashlib.sha256(json.dumps(canonical(content), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def canonical(value: object) -> object:
    """Return JSON values that are equal exactly when the contents are; a record of an optional kind says which it is."""
    if isinstance(value, Node):
        return canonical(plain(value))
    if is_dataclass(value):
        return {field.name: canonical(getattr(value, field.name)) for field in fields(value)} | _kind(value)
    if isinstance(value, dict):
        return {name: canonical(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [canonical(each) for each in value]
    if isinstance(value, Decimal):
        return _digits(value)
    if isinstance(value, timedelta):
        return {"seconds": int(value.total_seconds())}
    return value.isoformat() if isinstance(value, date | time) else value


def _kind(value: object) -> dict[str, str]:
    """Keep apart two kinds of condition or step whose fields happen to be the same."""
    kind = getattr(value, "kind", None)
    return {"kind": kind} if isinstance(kind, str) else {}


def _digits(number: Decimal) -> dict[str, str]:
    """Keep a number apart from the same digits as text, and 1.50 together with 1.5."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return {"number": "0" if text in ("-0", "") else text}
