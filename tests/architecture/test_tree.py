"""What holds for the tree as a whole: the map is true, links lead somewhere, and nothing tells of the machine it was written on."""

import inspect
import platform
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MADE = {"__pycache__", "dist", "node_modules"}  # by tools, never committed

LARGEST = 1_000_000  # bytes of a file of the project

TRACES = re.compile(
    r"""(?<![\w.])/(?:root|home|Users)/\w   # somebody's folder
    | [A-Z]:\\Users\\
    | --(?:extra-)?index-url | --find[-]links | https?://[^\s"')]+/simple\b   # a package index that only some can reach
    | \b[\w-]+-(?:MacBook|ThinkPad|laptop)\b   # somebody's machine
    """,
    re.VERBOSE | re.IGNORECASE,
)
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s#]+)")
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
ENTRY = re.compile(r"^( *)((?:[\w.-]+/?  ?)*[\w.-]+/?)(?:  |$)")


def test_no_file_tells_where_it_was_written() -> None:
    told = [f"{name}:{number}: {line.strip()[:120]}" for name, number, line in lines() if tells(line)]
    assert told == []


@pytest.mark.parametrize(
    "words", [("/home", "/ann/x"), ("C:", "\\Users\\ann"), ("--index", "-url x"), ("https://a.b", "/simple"), ("anns", "-MacBook")]
)
def test_the_search_for_traces_finds_them(words: tuple[str, str]) -> None:
    assert tells("".join(words))


def test_no_file_is_as_large_as_what_a_benchmark_leaves() -> None:
    assert [str(file.relative_to(ROOT)) for file in files(ROOT) if file.stat().st_size > LARGEST] == []


def test_every_place_in_the_map_of_the_readme_exists() -> None:
    places = set(on_the_map((ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"bot/", "finops/", "jobs/", "slackbox/"} <= places
    assert sorted(place for place in places if not (ROOT / place).exists()) == []


def test_every_room_is_on_the_map_of_the_readme() -> None:
    rooms = {f"{path.parent.name}/" for path in ROOT.glob("*/__init__.py")}
    assert rooms - set(on_the_map((ROOT / "README.md").read_text(encoding="utf-8"))) == set()


def test_a_map_is_read_with_its_floors() -> None:
    """
    ```
    README.md  Makefile    how to begin
    bot/        Slack
      cli.py      commands
    finops/
      ledger/     remembers
        facts.py
    ```
    """
    read = list(on_the_map(inspect.cleandoc(test_a_map_is_read_with_its_floors.__doc__ or "")))
    assert read == ["README.md", "Makefile", "bot/", "bot/cli.py", "finops/", "finops/ledger/", "finops/ledger/facts.py"]


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = [
        f"{name}:{number}: {target}"
        for name, number, line in lines()
        if name.endswith(".md")
        for target in LINK.findall(line)
        if not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert broken == []


def test_decisions_are_numbered_without_a_gap_and_say_their_number() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    assert [page.name for page in pages if not page.read_text(encoding="utf-8").startswith(f"# {int(page.name[:4])}. ")] == []


def tells(line: str) -> bool:
    return bool(TRACES.search(line)) or any(word in line for word in here())


def here() -> list[str]:
    """Return what would betray this very machine: the folder of this tree, and the host's name if it is not an ordinary word."""
    node = platform.node()
    return [str(ROOT)] + ([node] if len(node) > 5 and not node.isalpha() else [])


def lines() -> Iterator[tuple[str, int, str]]:
    for path in files(ROOT):
        content = path.read_bytes()
        if b"\0" not in content:
            for number, line in enumerate(content.decode("utf-8").splitlines(), start=1):
                yield path.relative_to(ROOT).as_posix(), number, line


def files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in MADE and (not path.name.startswith(".") or path.name == ".ci"):
                yield from files(path)
        else:
            yield path


def on_the_map(text: str) -> Iterator[str]:
    """Yield each folder, and each file with a suffix or a capital, that the fenced blocks holding folders name before their remarks."""
    for block in FENCE.findall(text):
        if not re.search(r"^ *\w+/(?:  |$)", block, re.MULTILINE):
            continue
        floors: list[tuple[int, str]] = []
        for line in block.splitlines():
            if entry := ENTRY.match(line):
                depth, names = len(entry[1]), entry[2].split()
                floors = [(indent, folder) for indent, folder in floors if indent < depth]
                above = "".join(folder for _, folder in floors)
                yield from (above + name for name in names if is_place(name))
                if len(names) == 1 and names[0].endswith("/"):
                    floors.append((depth, names[0]))


def is_place(name: str) -> bool:
    return name.endswith("/") or "." in name[1:] or name in {"Makefile", "Dockerfile", "LICENSE"}
