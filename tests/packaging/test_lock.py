"""The list of locked versions is complete, hashed, and free of addresses."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "constraints.txt").read_text(encoding="utf-8")
PINS = re.findall(r"^([\w.-]+)==([^\s;]+)[^\n]*((?:\n +--hash=sha256:[0-9a-f]{64}(?: \\)?)*)", LOCK, re.MULTILINE)


def test_every_line_is_a_pin_or_its_hash() -> None:
    assert [line for line in LOCK.splitlines() if not re.fullmatch(r"\S+==[^#@]+ \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?", line)] == []


def test_every_pin_has_a_hash() -> None:
    assert [name for name, _, hashes in PINS if not hashes] == []


def test_no_address_is_written_down() -> None:
    assert re.findall(r"\S*(?:://|--(?:extra-)?index|--find|@ )\S*", LOCK) == []


def test_every_direct_dependency_is_locked_to_a_version_it_allows() -> None:
    extras = PROJECT["optional-dependencies"] | {"lstm": []}  # gigabytes, for those who ask for it by name
    wanted = [Requirement(line) for lines in (PROJECT["dependencies"], *extras.values()) for line in lines]
    locked = {canonicalize_name(name): version for name, version, _ in PINS}
    assert [str(need) for need in wanted if not need.specifier.contains(locked.get(canonicalize_name(need.name), "0"))] == []


def test_the_tool_that_builds_the_wheel_is_the_locked_one() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert [line for line in build if line not in {f"{name}=={version}" for name, version, _ in PINS}] == []
