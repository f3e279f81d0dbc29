"""Real servers for the tests that need them."""

import gc
import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from tests.migrated import once_for_real

settings.register_profile("project", deadline=None)  # machines differ; no test is about time
settings.load_profile("project")

ROOM = 6 << 30  # bytes; whole runs were seen to take a fifth of it
RACING = {"browser", "flows"}  # folders whose tests are people in front of a running bot, its threads and a browser


def pytest_configure() -> None:
    """Write into memory where there is room: tests flush to their disk thousands of times, and no power is lost here.

    Run in the background by a shell, a process ignores Ctrl-C and so would those it starts, whose end by Ctrl-C is tested.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    memory = Path("/dev/shm")
    if "TMPDIR" not in os.environ and memory.is_dir() and shutil.disk_usage(memory).free > ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(memory)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One more try where a busy machine can come between; it is listed as RERUN in the summary, and is a fault to mend."""
    for item in items:
        if RACING & set(item.path.relative_to(item.config.rootpath).parts):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not look through a million objects of libraries again and again."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def migrations_once() -> Iterator[None]:
    """Of all state databases that this process makes, the migrations themselves make the first of each kind."""
    from finops.ledger import state

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "_upgrade", once_for_real(state._upgrade))
        yield


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A command sets up logging for its process; the next test has another stderr."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in [handler for handler in root.handlers if type(handler) is logging.StreamHandler and handler not in handlers]:
        root.removeHandler(handler)
    root.setLevel(level)


def absent(what: str) -> None:
    """Skip where a peer is not installed, so that all other tests run on any machine; on CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is not installed, and CI must have it: run `make system peers`")
    pytest.skip(f"{what} is not installed: run `make system peers`")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server of our own on loopback; yields its address without a database."""
    found = [shutil.which("initdb"), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True))]
    initdb = next((path for path in found if path), None)
    if initdb is None:
        absent("PostgreSQL")
        return
    with tempfile.TemporaryDirectory(prefix="finops-pg-") as folder:
        yield from _running(Path(initdb).parent, Path(folder))


def _running(binaries: Path, folder: Path) -> Iterator[str]:
    data, port = folder / "data", free_port()
    run_as: list[str | Path] = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if run_as:
        shutil.chown(folder, "postgres")
    subprocess.run(
        [*run_as, binaries / "initdb", "-D", data, "-U", "finops", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    control = [*run_as, binaries / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], check=True, capture_output=True, cwd="/")
    try:
        yield f"postgresql://finops@127.0.0.1:{port}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd="/")


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[str]:
    """A fresh database on that server."""
    with _fresh(postgres_server) as url:
        yield url


@pytest.fixture
def another_postgres_database(postgres_server: str) -> Iterator[str]:
    """One more."""
    with _fresh(postgres_server) as url:
        yield url


@contextmanager
def _fresh(server: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield f"{server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
