"""What a command of the terminal came to."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Told:
    """A command's result in words and as a document; `holds` is False where what it looked into is not as it should be."""

    lines: tuple[str, ...]
    document: dict[str, Any]
    holds: bool = True
