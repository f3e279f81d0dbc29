"""The sample bills, loaded once, and a local Slack per file of tests with the bot connected to it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from bot.assemble import Tools, assemble
from bot.demo import load_sample
from finops.sample import bills
from tests.flows.slack import Slack, connected

YESTERDAY = date(2026, 9, 27)
NOW = datetime(2026, 9, 28, 12, tzinfo=UTC)
OpenLedger = Callable[[Path], Tools]


def settings_of(folder: Path) -> Tools:
    return assemble(folder, {"FINOPS_THREADS": "2"}, now=lambda: NOW)


@pytest.fixture(scope="session")
def sample_bills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sample's FOCUS files, to be asked by themselves."""
    folder = tmp_path_factory.mktemp("sample-bills")
    bills.write(folder, YESTERDAY)
    return folder


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration folder whose ledger holds the sample bills and usage; tests take copies."""
    folder = tmp_path_factory.mktemp("loaded")
    for name in ("budgets.yaml", "rules.yaml"):
        (folder / name).write_bytes((files("finops.sample") / "config" / name).read_bytes())
    with settings_of(folder) as tools:
        load_sample(tools)
    return folder


@contextmanager
def copied(loaded: Path, folder: Path) -> Iterator[Tools]:
    shutil.copytree(loaded, folder, dirs_exist_ok=True)
    with settings_of(folder) as tools:
        yield tools


@pytest.fixture(scope="module")
def tools(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    """The sample in a ledger of this file's own."""
    with copied(loaded, tmp_path_factory.mktemp("ledger")) as tools:
        yield tools


@pytest.fixture(scope="module")
def slack(tools: Tools) -> Iterator[Slack]:
    with connected(tools) as slack:
        yield slack
