"""Checks policies for what the engine would let pass: a rule that can never fire is worse than one that is refused."""

from itertools import pairwise
from typing import Final

from finops.configuration.problems import Problems, shown
from finops.errors import meant
from finops.guard.policy_inputs import QUESTIONS
from finops.guard.policy_source import KEYWORDS, START, Source

MOST_BYTES: Final = 256_000
MOST_FILES: Final = 100
# Functions that were seen to be right, reach nothing outside, give the same answer each time and end soon. max, min and sort
# are missing on purpose: the engine compares numbers in them as text, so that 3 is more than 10.
FUNCTIONS: Final = frozenset({
    "abs", "array.concat", "array.reverse", "array.slice", "ceil", "concat", "contains", "count", "endswith", "floor", "format_int",
    "indexof", "intersection", "is_array", "is_boolean", "is_null", "is_number", "is_object", "is_set", "is_string", "object.get",
    "object.keys", "object.remove", "object.union", "product", "round", "set", "split", "sprintf", "startswith",
    "strings.any_prefix_match", "strings.any_suffix_match", "substring", "sum", "trim", "trim_left", "trim_prefix", "trim_right",
    "trim_space", "trim_suffix", "type_name", "union",
})  # fmt: skip
INSTEAD: Final = {
    "max": "the engine compares its numbers as text; write `some x in xs` with `count({y | some y in xs; y > x}) == 0`",
    "min": "the engine compares its numbers as text; write `some x in xs` with `count({y | some y in xs; y < x}) == 0`",
    "sort": "the engine compares its numbers as text",
    "http.send": "a policy reaches nothing outside; what it needs is in `input`",
    "opa.runtime": "a policy does not see the environment; what it needs is in `input`",
    "time.now_ns": "a policy has no clock, so that a decision can be repeated; the day is in `input`",
    "numbers.range": "it could fill the memory; write the numbers out",
}
_MODULES: Final = frozenset({name.partition(".")[0] for name in (*FUNCTIONS, *INSTEAD)} | {"time", "json", "regex", "io", "net", "crypto"})


def check(sources: tuple[Source, ...]) -> None:
    """Raise ConfigError with everything in these files that would make a rule silently never fire, or do more than think."""
    problems = Problems()
    if len(sources) > MOST_FILES:
        problems.note(sources[MOST_FILES].file, 1, f"there are more than {MOST_FILES} files of policy; join them")
    for source in sources:
        if len(source.text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
            problems.note(source.file, 1, f"the file is larger than {MOST_BYTES // 1000} kB")
        elif _package(source, problems):
            rules = {name for other in sources if other.package == source.package for name in other.rules}
            functions = {name.rpartition(".")[2] for other in sources for name in other.rules}
            _names(source, rules, problems)
            _calls(source, functions, problems)
            _iterations(source, problems)
    problems.raise_any()


def _package(source: Source, problems: Problems) -> bool:
    packages = [question.package for question in QUESTIONS.values()]
    if not source.package:
        problems.note(source.file, 1, f"the file must begin with its package, such as `package {packages[0]}`")
    elif source.package not in packages and not source.package.startswith("lib."):
        known = ", ".join(packages)
        hint = meant(source.package, packages)
        problems.note(source.file, 1, f"package {shown(source.package)} answers no question; the packages are {known} and lib.NAME.{hint}")
    else:
        return True
    return False


def _names(source: Source, rules: set[str], problems: Problems) -> None:
    known = rules | source.bound | KEYWORDS
    for before, token in pairwise((START, *source.tokens)):
        path = before.text in ("package", "import", ".") or token.text in FUNCTIONS or token.head in _MODULES
        if token.kind == "name" and not path and token.head not in known:
            said = f"{shown(token.head)} is given no value anywhere, so its rule could never fire.{meant(token.head, known)}"
            problems.note(source.file, token.line, said)


def _calls(source: Source, functions: set[str], problems: Problems) -> None:
    for before, token, after in zip(source.tokens, source.tokens[1:], (*source.tokens[2:], START), strict=False):
        called = before.text if token.text == "(" and before.kind == "name" and before.text not in KEYWORDS else "set"
        ours = called.rpartition(".")[2] in functions and called not in INSTEAD
        if not ours and called not in FUNCTIONS:
            why = INSTEAD.get(called, "docs/policies.md lists those it may")
            problems.note(source.file, before.line, f"a policy may not call {shown(called)}: {why}")
        if before.text == "sprintf" and "%d" in after.text:
            problems.note(source.file, after.line, "write %v instead of %d, which prints numbers beyond two thousand million wrongly")


def _iterations(source: Source, problems: Problems) -> None:
    """Refuse two open indices in one expression: the engine finds no value for the second, and the rule never fires."""
    open_on: dict[int, int] = {}
    expression = 0
    for before, token, after, behind in zip(source.tokens, source.tokens[1:], source.tokens[2:], source.tokens[3:], strict=False):
        expression += token.first or token.text in (";", "{", "}", "|")
        index = before.kind == "name" or before.text in ("]", ")")
        if index and token.text == "[" and not token.first and after.kind == "name" and behind.text == "]":
            open_on[expression] = open_on.get(expression, 0) + (after.text not in source.held and token.depth > 0)
            if open_on[expression] == 2:
                problems.note(
                    source.file, token.line, "two open indices in one expression never match in this engine; write `some x in …` for each"
                )
