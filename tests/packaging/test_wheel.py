"""The wheel holds every file of every room, and nothing else."""

import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MANIFEST = "bot/slack-manifest.yaml"  # packed from docs/, since the demo's Slack is set up by it
POLICIES = {f"finops/policies/{path.name}" for path in (ROOT / "policies").iterdir()}  # those that hold where nobody wrote others
ROOMS = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as opened:
        yield opened


def test_the_wheel_holds_every_file_of_every_room(wheel: zipfile.ZipFile) -> None:
    kept = {path.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()} | {
        MANIFEST,
        *POLICIES,
    }
    assert {name for name in kept if "__pycache__" not in name} == {name for name in wheel.namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_nothing_beside_the_rooms_and_its_metadata(wheel: zipfile.ZipFile) -> None:
    version = PROJECT["project"]["version"]
    assert {name.partition("/")[0] for name in wheel.namelist()} == {*ROOMS, f"finops_bot-{version}.dist-info"}


def test_every_room_is_packed() -> None:
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"} == set(ROOMS)


@pytest.mark.parametrize(
    "pattern",
    [
        "finops/sample/data/*.parquet",
        "finops/sample/config/*.yaml",
        "finops/ledger/migrations/versions/*.py",
        "slackbox/page/index.html",
        "*/py.typed",
    ],
)
def test_what_is_no_module_is_packed_too(wheel: zipfile.ZipFile, pattern: str) -> None:
    assert [name for name in wheel.namelist() if Path(name).match(pattern)]


def test_the_manifest_travels_along(wheel: zipfile.ZipFile) -> None:
    assert wheel.read(MANIFEST) == (ROOT / "docs" / "slack-manifest.yaml").read_bytes()


def test_the_command_is_finops_bot(wheel: zipfile.ZipFile) -> None:
    assert metadata(wheel, "entry_points.txt").splitlines() == ["[console_scripts]", "finops-bot = bot.cli:main"]


def test_the_licence_travels_along(wheel: zipfile.ZipFile) -> None:
    assert metadata(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert Parser().parsestr(metadata(wheel, "METADATA"))["License-Expression"] == "Apache-2.0"


def metadata(wheel: zipfile.ZipFile, name: str) -> str:
    return wheel.read(next(entry for entry in wheel.namelist() if entry.endswith(f".dist-info/{name}"))).decode()
