"""Gathers what is wrong with the configuration, so that a person reads all of it at once."""

from dataclasses import dataclass, field

from finops.errors import ConfigError

MOST_TOLD = 100  # a file that is wrong everywhere is told enough by its first hundred problems


@dataclass
class Problems:
    """Problems as they turn up; `raise_any` tells them in the order of files and lines."""

    found: list[tuple[str, int, str]] = field(default_factory=list)

    def note(self, file: str, line: int, sentence: str) -> None:
        self.found.append((file, line, sentence))

    def raise_any(self) -> None:
        if self.found:
            raise ConfigError(self.told())

    def told(self) -> tuple[str, ...]:
        """Return `file:line: sentence` for each, once, and how many more there are beyond the first hundred."""
        told = [f"{file}:{line}: {sentence}" for file, line, sentence in sorted(set(self.found))]
        more = len(told) - MOST_TOLD
        return tuple(told) if more <= 0 else (*told[:MOST_TOLD], f"and {more} more problems")


def shown(text: str) -> str:
    """Return outside text in quotes, cut to a length that fits a sentence and without anything a terminal would obey."""
    clean = "".join(letter if letter.isprintable() else "�" for letter in text[:61])
    return f"'{clean[:60]}…'" if len(text) > 60 else f"'{clean}'"
