"""The arguments of a Web API call, whether they came as a form, as JSON or in the address."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slackbox.rig import RefusedError


@dataclass(frozen=True)
class Args:
    """Values by name; a form holds lists and objects as JSON text."""

    values: Mapping[str, Any]

    def has(self, name: str) -> bool:
        """Given, and not empty."""
        return self.values.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        """A string; numbers and flags are taken as they are written."""
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, dict | list):
            raise invalid(f"must provide a string [json-pointer:/{name}]")
        return str(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """True for true, "true" and "1"."""
        value = self.values.get(name)
        return default if value is None else str(value).lower() in ("true", "1")

    def whole(self, name: str, default: int = 0) -> int:
        """A whole number."""
        value = self.values.get(name)
        if value in (None, ""):
            return default
        try:
            return int(str(value))
        except ValueError:
            raise invalid(f"must be an integer [json-pointer:/{name}]") from None

    def parsed(self, name: str) -> Any:
        """A structure, from JSON text where it is one."""
        value = self.values.get(name)
        if not isinstance(value, str) or not value:
            return value or None
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise RefusedError("invalid_blocks_format" if name == "blocks" else "invalid_arguments") from None

    def items(self, name: str) -> list[Any]:
        """A list, never empty."""
        value = self.parsed(name)
        if not isinstance(value, list) or not value:
            raise invalid(f"must provide an array [json-pointer:/{name}]")
        return value


def invalid(*lines: str) -> RefusedError:
    """`invalid_arguments` with its explanation."""
    return RefusedError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {line}" for line in lines]})
