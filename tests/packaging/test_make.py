"""`make` and `.ci/run` as a stranger meets them: what they offer, how they fail, and that they leave nothing behind."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HANDED_DOWN = {"MFLAGS", "VENV", "PYTHON", "ARGS"}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the build files and a prepared environment whose tools only answer with an exit code."""
    folder = tmp_path / "a clone"
    made = folder / ".venv" / "bin"
    made.mkdir(parents=True)
    (folder / ".ci").mkdir()
    for name in ("Makefile", "constraints.txt", "pyproject.toml", ".ci/run"):
        shutil.copy2(ROOT / name, folder / name)
    for name in ("python", "ruff", "mypy", "finops-bot"):
        script(made / name, f'echo "{name} $*"; case "{name} $*" in *$FAILING*) exit 5 ;; esac')
    (folder / ".venv" / "pyvenv.cfg").touch()
    (folder / ".venv" / ".ready").touch()
    return folder


def test_make_alone_lists_every_target() -> None:
    declared = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert declared
    assert [line.split()[1] for line in make(ROOT).stdout.splitlines()] == declared[1].split()


def test_a_folder_with_a_space_for_the_environment_is_refused_in_one_sentence() -> None:
    assert "VENV 'my env' holds a space" in make(ROOT, "VENV=my env", "unit").stderr


def test_a_folder_in_use_is_not_emptied_for_the_environment(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    assert "is in use and no Python environment" in make(ROOT, f"VENV={tmp_path}", "clean").stderr
    assert (tmp_path / "letters").exists()


def test_an_old_python_is_refused_in_one_sentence(tmp_path: Path) -> None:
    script(old := tmp_path / "old", "exit 1")
    refused = make(ROOT, f"VENV={tmp_path / 'env'}", f"PYTHON={old}", "unit")
    assert refused.stderr.startswith(f"'{old}' is not Python 3.11 or newer; install one, or name it: make PYTHON=")
    assert refused.returncode == 2
    assert not (tmp_path / "env").exists()


def test_a_python_without_venv_says_what_to_install(tmp_path: Path) -> None:
    tools(tmp_path, python='test "$1" = -c', apt_get="exit 100", sudo="exit 1")
    refused = make(ROOT, f"VENV={tmp_path / 'env'}", f"PYTHON={tmp_path / 'python'}", "unit", PATH=first(tmp_path))
    assert "cannot make environments; install its venv module (Debian: apt-get install python3-venv)" in refused.stderr
    assert refused.returncode == 2


def test_system_asks_for_nothing_when_all_is_there(tmp_path: Path) -> None:
    tools(tmp_path, dpkg_query="echo install ok installed", apt_get="echo asked")
    assert make(ROOT, "system", PATH=first(tmp_path)).stdout == ""


def test_system_installs_only_what_is_absent(tmp_path: Path) -> None:
    tools(tmp_path, id="echo 0", dpkg_query='case "$*" in *postgresql) exit 1 ;; *) echo ok installed ;; esac', apt_get='echo "$*" >&2')
    ran = make(ROOT, "system", PATH=first(tmp_path))
    assert ran.stdout == "Installing postgresql\n"
    assert [line.split()[-2:] for line in ran.stderr.splitlines()] == [["DPkg::Lock::Timeout=120", "update"], ["install", "postgresql"]]


def test_system_without_rights_says_what_is_skipped_and_goes_on(tmp_path: Path) -> None:
    tools(tmp_path, id="echo 1000", sudo="exit 1", dpkg_query="exit 1", apt_get="exit 100")
    ran = make(ROOT, "system", PATH=first(tmp_path))
    assert ran.stdout.startswith("Tests that need chromium postgresql")
    assert ran.returncode == 0


def test_system_goes_on_when_a_package_cannot_be_had(tmp_path: Path) -> None:
    tools(tmp_path, id="echo 0", dpkg_query="exit 1", apt_get="exit 100")
    ran = make(ROOT, "system", PATH=first(tmp_path))
    assert "chromium could not be installed; the tests that need it are skipped" in ran.stdout
    assert ran.returncode == 0


def test_the_python_that_runs_this_is_recent_enough_for_make() -> None:
    planned = make(ROOT, "-n", f"PYTHON={sys.executable}", "VENV=none", "unit").stdout
    assert f"'{sys.executable}' -m venv --clear 'none'" in planned


@pytest.mark.parametrize("failing", ["ruff check", "ruff format", "mypy", "tests/architecture"])
def test_check_fails_with_any_of_its_parts(clone: Path, failing: str) -> None:
    assert make(clone, "check", FAILING=failing).returncode == 2


def test_check_passes_when_all_its_parts_do(clone: Path) -> None:
    assert make(clone, "-j2", "check", FAILING="nothing").returncode == 0


def test_no_tests_found_is_a_failure(clone: Path) -> None:
    assert make(clone, "unit", FAILING="pytest").returncode == 2


def test_a_prepared_environment_is_not_prepared_again(clone: Path) -> None:
    assert "Preparing" not in make(clone, "unit", FAILING="nothing").stdout


def test_a_changed_lock_prepares_the_environment_again(clone: Path) -> None:
    os.utime(clone / ".venv" / ".ready", (1, 1))
    prepared = make(clone, "unit", FAILING="nothing").stdout
    assert "--require-hashes -r constraints.txt" in prepared


def test_clean_keeps_the_ledger(clone: Path) -> None:
    (clone / ".finops").mkdir()
    (clone / "bot" / "__pycache__").mkdir(parents=True)
    make(clone, "clean")
    assert {path.name for path in clone.rglob("*")} == {"Makefile", "constraints.txt", "pyproject.toml", ".ci", "run", ".finops", "bot"}


@pytest.mark.parametrize(
    ("failing", "code", "verdicts"),
    [
        ("nothing", 0, ["make test: passed", "make check: passed"]),
        ("test", 1, ["make test: FAILED (5)", "make check: passed"]),
        ("check", 1, ["make test: passed", "make check: FAILED (5)"]),
    ],
)
def test_ci_runs_both_halves_and_sums_up(clone: Path, tmp_path: Path, failing: str, code: int, verdicts: list[str]) -> None:
    ran = ci(clone, tmp_path, f'for target; do :; done; test "$target" != {failing} || exit 5')
    assert [line.partition(" in ")[0] for line in ran.stdout.splitlines() if re.match(r"make \w+:", line)] == verdicts
    assert ran.returncode == code


def test_ci_passes_on_neither_settings_nor_keys_and_leaves_nothing(clone: Path, tmp_path: Path) -> None:
    ran = ci(clone, tmp_path, "env; ls -d ${VENV%/venv}", FINOPS_CONFIG="x", SLACK_BOT_TOKEN="x", AWS_PROFILE="x", PYTHONPATH="x")
    given = dict(line.split("=", 1) for line in ran.stdout.splitlines() if re.match(r"\w+=", line))
    assert given["CI"] == "true"
    assert {"FINOPS_CONFIG", "SLACK_BOT_TOKEN", "AWS_PROFILE", "PYTHONPATH"} & set(given) == set()
    assert not Path(given["VENV"]).parent.exists()


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make; what a make around these tests hands down is kept out, or `clean` would remove *its* environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name not in HANDED_DOWN}
    return subprocess.run(["make", *arguments], cwd=folder, env=clean | environment, capture_output=True, text=True, check=False)


def tools(folder: Path, **bodies: str) -> None:
    for name, body in bodies.items():
        script(folder / name.replace("_", "-"), body)


def first(folder: Path) -> str:
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def ci(clone: Path, tmp_path: Path, fake_make: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real script with a `make` that only does as told, from another folder, without a terminal."""
    script(tmp_path / "tools" / "make", fake_make)
    command = ["bash", str(clone / ".ci" / "run")]
    given = os.environ | {"PATH": first(tmp_path / "tools")} | environment
    return subprocess.run(command, cwd=tmp_path, env=given, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def script(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
