"""`finops-bot check` tells what is wrong, notes what is perhaps not meant, and prints schemas for editors."""

import json
from pathlib import Path

import pytest

from bot.cli import main

CHILDREN = "budgets:\n- {name: all, monthly: 1}\n- {name: part, monthly: 2, parent: all}\n"
TOLD = "budgets.yaml:2: the budget 'part' may spend 2 USD, more than the 1 of the parent 'all'"


def check(folder: Path, *options: str) -> int:
    return main(["check", "--config", str(folder), *options])


def test_a_child_larger_than_its_parent_is_noted_and_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "budgets.yaml").write_text(CHILDREN)
    assert check(tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [f"Note: {TOLD}", f"{tmp_path}: the configuration is in order"]


def test_scripts_get_the_notes_beside_the_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "budgets.yaml").write_text(CHILDREN)
    assert check(tmp_path, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "problems": [], "checked": [], "notes": [TOLD]}


def test_a_file_that_is_no_yaml_leaves_its_names_unquestioned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "budgets.yaml").write_text("budgets: [\n")
    (tmp_path / "rules.yaml").write_text("rules: [{name: a, when: {budget: 90% ml}}]\n")
    assert check(tmp_path, "--json") == 2
    assert json.loads(capsys.readouterr().out)["problems"] == ["budgets.yaml:1: the file ends before a bracket is closed"]


def test_a_country_that_no_calendar_knows_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "budgets.yaml").write_text("calendar: {countries: [US, QQ, CH-ZZ]}\n")
    assert check(tmp_path, "--json") == 2
    unknown, part = json.loads(capsys.readouterr().out)["problems"]
    assert "calendar: countries in budgets.yaml names QQ, which no calendar knows." in unknown
    assert "the parts of CH are AG, AI" in part


@pytest.mark.parametrize(("file", "section"), [("budgets", "quotas"), ("rules", "guard")])
def test_a_schema_is_printed_even_where_the_files_are_wrong(
    file: str, section: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "budgets.yaml").write_text("nonsense")
    assert check(tmp_path, "--schema", file) == 0
    assert section in json.loads(capsys.readouterr().out)["properties"]
