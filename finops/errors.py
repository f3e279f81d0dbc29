"""Errors as a tree: each finishes its sentence with what would work."""

from collections.abc import Iterable
from difflib import get_close_matches


class FinopsError(Exception):
    """Something went wrong on our side; `exit_code` is what a command ends with."""

    exit_code = 1


class UserError(FinopsError):
    """The caller's mistake: one sentence, and what would have worked."""

    exit_code = 2

    def __init__(self, message: str, *, suggestion: str | None = None, did_you_mean: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.suggestion = suggestion
        self.did_you_mean = did_you_mean


class QueryError(UserError):
    """A question that cannot be understood or answered."""


class BillError(UserError):
    """A delivery that cannot be loaded as a whole; what was loaded before stays."""


class SourceError(FinopsError):
    """A source outside could not be reached, refused us, or answered what nobody could mean; it is tried again later."""


class LeverError(FinopsError):
    """A lever could not be moved, and certainly was not."""


class LeverUnknownError(FinopsError):
    """A call to a lever was sent and its answer lost: it may have had its effect."""


class ConfigError(UserError):
    """Every problem of the configuration at once, each as `file:line: sentence`."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class LedgerError(FinopsError):
    """The ledger refused or could not do what was asked."""


def close_to(word: str, known: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """Return the known words a person may have meant by `word`, nearest first."""
    by_fold = {name.casefold(): name for name in known}
    return tuple(by_fold[hit] for hit in get_close_matches(word.casefold(), list(by_fold), n=most, cutoff=0.6))


def meant(word: str, known: Iterable[str]) -> str:
    """Return `" Did you mean 'team'?"`, or nothing when no known word is near."""
    hits = close_to(word, known, most=1)
    return f" Did you mean '{hits[0]}'?" if hits else ""
