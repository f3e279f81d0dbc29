"""AWS and Azure as they can be had here: moto's server and Azurite, each one process for the whole session."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from bot.assemble import Tools, assemble
from tests.conftest import absent, free_port

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
AZURITE = Path(__file__).parents[2] / ".peers" / "node_modules" / ".bin" / "azurite-blob"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # public, the same everywhere


@contextmanager
def running(command: list[str], address: str, folder: str) -> Iterator[str]:
    """Start a server and stop it by its own number; it is ready once it answers anything."""
    with (Path(folder) / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True)
    try:
        _ready(server, address, Path(folder) / "log")
        yield address
    finally:
        server.terminate()
        server.wait(10)


def _ready(server: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except HTTPError as answered:
            answered.close()
            return
        except OSError:
            if server.poll() is not None:
                pytest.fail(f"the server ended: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
    pytest.fail(f"no server at {address}: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def aws_server() -> Iterator[str]:
    """moto's server, which answers for S3, STS and Cost Explorer."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="finops-moto-") as folder:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with running(command, f"http://127.0.0.1:{port}", folder) as address:
            yield address


@pytest.fixture(scope="session")
def azurite_server() -> Iterator[str]:
    """Azurite's blob service; yields its connection string."""
    if not AZURITE.exists() or shutil.which("node") is None:
        absent("Azurite")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="finops-azurite-") as folder:
        command = [str(AZURITE), "--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
        command += ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
        with running(command, f"http://127.0.0.1:{port}/devstoreaccount1", folder) as address:
            yield f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={AZURITE_KEY};BlobEndpoint={address};"


@pytest.fixture
def aws(aws_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's address, with credentials in the environment as boto3 looks for them."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return aws_server


@dataclass(frozen=True)
class Bucket:
    """A bucket of this test's own, and how things get into it."""

    name: str
    s3: Any
    endpoint: str

    def put(self, key: str, content: bytes | str) -> str:
        self.s3.put_object(Bucket=self.name, Key=key, Body=content)
        return key

    def drop(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.name, Key=key)

    def at(self, prefix: str) -> str:
        return f"s3://{self.name}/{prefix}"


@pytest.fixture
def bucket(aws: str) -> Bucket:
    import boto3

    s3 = boto3.client("s3", endpoint_url=aws, region_name="us-east-1")
    name = f"bills-{uuid.uuid4().hex[:10]}"
    s3.create_bucket(Bucket=name)
    return Bucket(name, s3, aws)


Configured = Callable[..., Tools]


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[Configured]:
    """Open the bot on a budgets.yaml; called again it is another process on the same ledger."""
    opened: list[Tools] = []

    def make(budgets: str = "", now: datetime = NOW, **environ: str) -> Tools:
        folder = tmp_path / "config"
        folder.mkdir(exist_ok=True)
        (folder / "budgets.yaml").write_text(budgets, encoding="utf-8")
        opened.append(assemble(folder, {"FINOPS_THREADS": "1", **environ}, now=lambda: now))
        return opened[-1]

    yield make
    for tools in opened:
        tools.ledger.close()
