"""Puts the application together: settings in, working tools out. The only reader of the clock and the environment."""

import hashlib
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from finops.config_files import load_rulebook
from finops.errors import ConfigError, UserError
from finops.redaction import Redactor
from finops.rulebook import Rulebook
from finops.secret import Secret
from finops.settings import Settings, read

if TYPE_CHECKING:  # importing the ledger would slow light commands
    from finops.ledger.ledger import Ledger, Terms

LOG = logging.getLogger("finops")
Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the one place that reads it


def environment() -> Mapping[str, str]:
    return os.environ


def is_terminal() -> bool:
    return sys.stdout.isatty()


def set_up_logging(level: str, known: Iterable[Secret] = ()) -> None:
    """Log to stderr, secrets masked at the handler; libraries that log headers stay at INFO or above."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(Redactor(known))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("slack_sdk", "slack_bolt", "urllib3", "google", "matplotlib", "alembic"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))


class Tools:
    """What every entrance works with. Made by `assemble`; `close` lets go of files and connections."""

    def __init__(self, config: Path, settings: Settings, rulebook: Rulebook, now: Clock) -> None:
        self.config = config
        self.settings = settings
        self.rulebook = rulebook
        self.now = now
        self.config_problem: str | None = None
        self._stamp = _stamp(config)
        self.ledger = open_ledger(settings, rulebook)
        self._name_configuration()

    def __enter__(self) -> "Tools":
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.close()

    def today(self, until: datetime) -> date:
        """Return the day that `until` falls on in the ledger's time zone."""
        return until.astimezone(ZoneInfo(self.rulebook.timezone)).date()

    def moment(self, text: str | None) -> datetime:
        """Read an `--as-of` or `--delivered` value: a day means its first moment in the ledger's time zone; none means now."""
        if text is None:
            return self.now()
        try:
            return _moment(text, ZoneInfo(self.rulebook.timezone))
        except ValueError:
            raise UserError(f"'{text}' is not a date or time; write 2026-03-01 or 2026-03-01T12:00Z") from None

    def refresh(self) -> None:
        """Take in changed YAML. A broken file changes nothing: the last good version goes on, and the problem is kept to be told."""
        stamp = _stamp(self.config)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.rulebook = load_rulebook(self.config)
        except ConfigError as problem:
            self.config_problem = f"{problem.problems[0]} (the last good version is in use)"
            LOG.warning("configuration not taken in: %s", problem)
            return
        self.config_problem = None
        self.ledger.terms = terms(self.rulebook)
        self._name_configuration()
        self.align("reload")

    def _name_configuration(self) -> None:
        """Let the audit name the configuration in force with every entry."""
        from finops.ledger.audit import under_configuration

        under_configuration(self.ledger.engine, _digest(self.config))

    def align(self, actor: str) -> int:
        """Bring charges loaded under other owners or another time zone up to date."""
        from finops.ledger.upkeep import align

        return align(self.ledger, self.now(), actor)


def assemble(config: Path, environ: Mapping[str, str] | None = None, now: Clock = system_clock) -> Tools:
    """Read settings and YAML below `config` and open the ledger. Raises ConfigError with every problem of both."""
    settings = read(environment() if environ is None else environ, config)
    return Tools(config, settings, load_rulebook(config), now)


def open_ledger(settings: Settings, rulebook: Rulebook) -> "Ledger":
    from finops.ledger.audit_keys import audit_keys
    from finops.ledger.facts import DuckFacts
    from finops.ledger.ledger import Ledger
    from finops.ledger.state import open_state

    on_bigquery = settings.ledger_url.startswith("bigquery://")
    root = settings.config / ".finops" / "ledger" if on_bigquery else Path(settings.ledger_url)
    root.mkdir(parents=True, exist_ok=True)
    state = open_state(settings.database_url.reveal(), audit_keys(settings.audit_key, settings.config / ".finops"))
    if not on_bigquery:
        return Ledger(state, root, DuckFacts(root, threads=settings.threads, memory_limit=settings.memory_limit), terms(rulebook))
    from finops.ledger.bigquery import bring_in, open_bigquery

    bigquery = open_bigquery(settings.ledger_url)
    ledger = Ledger(state, root, bigquery, terms(rulebook))
    bring_in(ledger, bigquery)  # charges loaded before the switch get their tables now
    return ledger


def terms(rulebook: Rulebook) -> "Terms":
    from finops.ledger.ledger import Terms

    waits = {one.name: timedelta(hours=one.complete_after_hours) for one in rulebook.sources if one.complete_after_hours is not None}
    return Terms(rulebook.currency, rulebook.timezone, rulebook.owners, rulebook.rates, waits)


def _stamp(config: Path) -> tuple[tuple[int, int] | None, ...]:
    return tuple(_file_stamp(config / name) for name in ("budgets.yaml", "rules.yaml"))


def _digest(config: Path) -> str:
    """Return a name for what the two files hold at this moment."""
    total = hashlib.sha256()
    for path in (config / "budgets.yaml", config / "rules.yaml"):
        total.update(path.read_bytes() + b"\0" if path.is_file() else b"\0")
    return total.hexdigest()


def _file_stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _moment(text: str, zone: ZoneInfo) -> datetime:
    if len(text) == len("2026-03-01"):
        return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
