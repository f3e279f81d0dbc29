"""Every agent is registered, scheduled as it is documented, and told of where people look."""

import ast
import re
from pathlib import Path

import pytest

from finops.errors import UserError
from jobs import registry
from jobs.registry import MODULES, Tools, job, known

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `([a-z-]+)` \| ([^|]+) \|", re.MULTILINE)


def declares(path: Path) -> bool:
    """Whether a file registers an agent."""
    calls = [
        decorator.func
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
    ]
    return any(isinstance(call, ast.Name) and call.id == "job" for call in calls)


def test_every_file_that_declares_an_agent_is_registered() -> None:
    assert sorted(f"jobs.{path.stem}" for path in (ROOT / "jobs").glob("*.py") if declares(path)) == sorted(MODULES)


def test_every_agent_is_documented_with_its_schedule() -> None:
    documented = dict(ROW.findall((ROOT / "docs" / "jobs.md").read_text(encoding="utf-8")))
    assert {name: one.when for name, one in known().items()} == documented


def test_every_agent_says_in_a_sentence_what_it_is_for() -> None:
    assert [name for name, one in known().items() if not re.fullmatch(r"[A-Z][^\n]+\.", one.about)] == []


def test_two_agents_of_one_name_are_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "JOBS", {})

    def work(_: Tools) -> str:
        return ""

    job("count-beans")(work)
    with pytest.raises(ValueError, match="two agents are called 'count-beans'"):
        job("count-beans", every="5m")(work)


def test_a_schedule_that_cannot_be_read_stops_the_start() -> None:
    with pytest.raises(UserError, match="write 'last 06:30'"):
        job("count-beans", monthly="30 06:30")
