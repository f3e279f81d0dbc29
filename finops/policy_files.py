"""Reads policies from their folders: those that come with the program, and an operator's own beside rules.yaml."""

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from finops.configuration.problems import Problems, shown
from finops.errors import ConfigError

if TYPE_CHECKING:
    from finops.guard.policies import Policies

FOLDER: Final = "policies"
MOST_BYTES: Final = 256_000
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}\.rego")
Stamp = tuple[tuple[str, int, int], ...]


class PolicyFiles:
    """The policies of a configuration folder. A file named as one of ours takes its place; any other is added.

    `problem` says why the files as they are now are not in use.
    """

    def __init__(self, config: Path) -> None:
        """Read and compile. Raises ConfigError with every problem as `file:line`."""
        self._folder = config / FOLDER
        self._stamp = _stamp(self._folder)
        self.policies: Policies = _compiled(self._folder)
        self.problem: str | None = None

    def refresh(self) -> bool:
        """Take in changed files and say whether others are in use now; broken ones change nothing but `problem`."""
        stamp = _stamp(self._folder)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            fresh = _compiled(self._folder)
        except ConfigError as error:
            self.problem = f"{error.problems[0]} (the last good policies are in use)"
            return False
        before, self.policies, self.problem = self.policies, fresh, None
        before.close()
        return before.digest != fresh.digest


def read_policies(folder: Path) -> dict[str, str]:
    """Return our policies and those in `folder`, name to text. Raises ConfigError with every file that cannot be read."""
    return {**_texts(shipped()), **_texts(folder)}


def shipped() -> Path:
    """Return the folder of our policies: inside an installed package, or at the top of a checkout."""
    package = Path(str(files("finops")))
    inside = package / FOLDER
    return inside if inside.exists() else package.parent / FOLDER


def _compiled(folder: Path) -> "Policies":
    from finops.guard.policies import Policies

    return Policies(read_policies(folder))


def _texts(folder: Path) -> Mapping[str, str]:
    problems = Problems()
    texts = {path.name: _text(path, problems) for path in _paths(folder)}
    problems.raise_any()
    return texts


def _text(path: Path, problems: Problems) -> str:
    if not _NAME.fullmatch(path.name):
        problems.note(shown(path.name), 1, "name a file of policy with letters, digits, '-' and '_' only")
        return ""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            problems.note(path.name, 1, f"the file is larger than {MOST_BYTES // 1000} kB")
        return content.decode("utf-8")
    except UnicodeDecodeError:
        problems.note(path.name, 1, "the file is not UTF-8; save it in that encoding")
    except OSError as error:
        problems.note(path.name, 1, f"the file cannot be read: {error.strerror or error}")
    return ""


def _paths(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".rego")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError([f"{folder.name}:1: the folder cannot be read: {error.strerror or error}"]) from None


def _stamp(folder: Path) -> Stamp:
    """Name the state of a folder, so that files are read again only when one changed."""
    found = []
    try:
        for path in _paths(folder):
            state = path.stat()
            found.append((path.name, state.st_mtime_ns, state.st_size))
    except (OSError, ConfigError):
        found.append(("", 0, 0))  # what is wrong shows when the files are read
    return tuple(found)
