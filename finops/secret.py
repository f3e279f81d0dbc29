"""A value that may be used but not shown."""

from typing import Final, final

MASK: Final = "•••"


@final
class Secret:
    """Holds a token or password; printed, formatted or logged it reads as `•••`, and only `reveal` gives it."""

    __slots__ = ("_shown", "_value")

    def __init__(self, value: str, shown: str = MASK) -> None:
        self._value = value
        self._shown = shown

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"Secret({self._shown})"

    def __format__(self, _spec: str) -> str:
        return self._shown

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere; pass reveal() where the value itself is needed")
