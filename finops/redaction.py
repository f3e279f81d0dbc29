"""Masks secrets in what is logged, whatever brought them there."""

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

from finops.secret import MASK, Secret

SHORTEST: Final = 6  # a known secret shorter than this would blank out ordinary words

NAMES: Final = (
    "password|passwd|pwd|passphrase|secret|token|api[-_ ]?key|access[-_]?key|account[-_]?key|private[-_]?key|"
    "credentials?|signature|authorization|cookie|response_url"
)
_IS: Final = r"""(?:\\*["'])?\s{0,3}(?:=>|[:=]|%3[ad])\s{0,3}+"""
# A value in quotes, in quotes that are escaped themselves, or in quotes that a cut-off line never closes.
_QUOTED: Final = "|".join(rf"b?(?:\\+{q}[^{q}\n]{{0,4096}}{q}|{q}(?:\\.|[^{q}\\\n]){{0,4096}}{q})" for q in "\"'")
_VALUE: Final = rf"""(?:{_QUOTED}|b?\\*["']?[^\s"',;&<>)\]}}]+)"""
_LINE: Final = rf"(?:{_QUOTED}|[^\n]+)"

# Each pattern keeps its group `keep` and masks the rest of what it finds. A repetition that something must follow is
# bounded, so that a long line from outside costs time in proportion to its length.
PATTERNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"(?P<keep>-----BEGIN [A-Z0-9 ]{{0,40}}PRIVATE KEY-----)(?!{MASK})(?:.{{0,9999}}?-----END [A-Z0-9 ]{{0,40}}KEY-----|.{{1,9999}})",
        r"(?P<keep>hooks\.slack(?:-gov)?\.com(?:\\{0,8}/|%2f)[a-z]{1,20}(?:\\{0,8}/|%2f))[^\s\"'<>|,;)\]}]+",
        rf"(?P<keep>(?:authorization|cookie){_IS})(?!{MASK}){_LINE}",
        rf"(?P<keep>(?:{NAMES}){_IS}){_VALUE}",
        r"(?P<keep>(?<![a-z])sig(?:=|%3d))[^\s\"'&<>]+",
        r"(?P<keep>\bbearer )[a-z0-9+/=_.~-]{8,}",
        r"(?P<keep>://[^\s:/@\"']{0,256}:)[^\s\"']{1,512}(?=@)",
        r"(?P<keep>xox[a-z](?:\.xox[a-z])?-|xapp-|xwfp-)[a-z0-9.-]{4,}",
        r"(?P<keep>sk-ant-)[a-z0-9_-]{4,}",
        r"(?P<keep>(?<![a-z0-9])sk-)(?!ant-)[a-z0-9_-]{16,}",
        r"(?P<keep>(?-i:A(?:KI|SI|RO|ID)A))(?-i:[A-Z0-9]{12,124})",
        r"(?P<keep>(?-i:AIza))[a-z0-9_-]{30,60}",
        r"(?P<keep>ya29\.)[a-z0-9_.-]{8,}",
        r"(?P<keep>v0=)[0-9a-f]{64}",
        r"(?P<keep>(?<![a-z0-9_-])(?-i:eyJ))[a-z0-9_-]{6,}(?:\.[a-z0-9_-]*){1,4}",
    )
)
_SENSITIVE: Final = re.compile(f"(?:{NAMES})$", re.IGNORECASE)
_ORDINARY: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def redact(text: str, known: Iterable[str] = ()) -> str:
    """Return `text` with `•••` in place of known secrets and of everything that has the form of one."""
    for secret in known:
        text = text.replace(secret, MASK)
    for pattern in PATTERNS:
        text = pattern.sub(rf"\g<keep>{MASK}", text)
    return text


class Redactor(logging.Filter):
    """Masks secrets in a record's message, arguments, traceback and extra fields.

    Belongs on handlers: a logger's filter does not see what its children log.
    """

    def __init__(self, known: Iterable[Secret] = ()) -> None:
        super().__init__()
        values = {secret.reveal() for secret in known}
        forms = values | {quote(value, safe="") for value in values}
        self._known = sorted((form for form in forms if len(form) >= SHORTEST), key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        self._clean_message(record)
        self._clean_traceback(record)
        for name in record.__dict__.keys() - _ORDINARY:
            record.__dict__[name] = self._named(name, record.__dict__[name])
        return True

    def redact(self, text: str) -> str:
        return redact(text, self._known)

    def _clean_message(self, record: logging.LogRecord) -> None:
        """Keep message and arguments apart where each is clean by itself, since some formatters read the arguments."""
        if not record.args:
            record.msg, record.args = self.redact(str(record.msg)), ()
            return
        args = record.args
        record.args = self._mapping(args) if isinstance(args, Mapping) else tuple(self._value(arg) for arg in args)
        try:
            said = record.getMessage()
        except Exception:  # the arguments do not fit the message; say both rather than lose them
            record.msg, record.args = self.redact(f"{record.msg} {record.args!r}"), ()
            return
        if (clean := self.redact(said)) != said:
            record.msg, record.args = clean, ()

    def _clean_traceback(self, record: logging.LogRecord) -> None:
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None  # no handler formats it again, unmasked
        record.exc_text = self.redact(record.exc_text) if record.exc_text else record.exc_text
        record.stack_info = self.redact(record.stack_info) if record.stack_info else record.stack_info

    def _named(self, name: str, value: object) -> object:
        return MASK if _SENSITIVE.search(name) else self._value(value)

    def _mapping(self, values: Mapping[str, object]) -> dict[str, object]:
        return {name: self._named(str(name), value) for name, value in values.items()}

    def _value(self, value: object) -> object:
        """Return the value itself when it is clean, else its masked text."""
        if value is None or isinstance(value, int | float):
            return value
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            return self._mapping(value)
        try:
            said, spelled = str(value), repr(value)
        except Exception:  # logging must not fail where the program would not
            return f"a {type(value).__name__} that cannot be printed"
        return value if self.redact(said + spelled) == said + spelled else self.redact(said)
