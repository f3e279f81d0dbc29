"""An operator's own policies: what is added, what is refused at the start, what happens when one misbehaves, and reloading."""

import os
import re
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.errors import ConfigError
from finops.guard.policies import Decision, Policies
from finops.guard.policy_checks import FUNCTIONS
from finops.guard.policy_engine import Engine, EngineError, Watch
from finops.guard.policy_inputs import QUOTA, ROUTING
from finops.guard.policy_source import Source
from finops.policy_files import PolicyFiles, read_policies

OURS = read_policies(Path("nowhere"))
QUOTA_HEAD = "package finops.quota\nimport rego.v1\n"
ROUTING_HEAD = "package finops.routing\nimport rego.v1\n"


def with_own(**texts: str) -> Policies:
    return Policies({**OURS, **{f"{name}.rego": text for name, text in texts.items()}}, seconds=10)


def problems(**texts: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        with_own(**texts)
    return refused.value.problems


def decided(policies: Policies, question: Any = QUOTA) -> Decision:
    return policies.decide(question.name, dict(question.sample))


def test_an_own_rule_refuses_beside_ours() -> None:
    decision = decided(with_own(own=QUOTA_HEAD + 'deny contains "no large models" if input.model == "large"\n'))
    assert (False, [("unnamed", "no large models")]) == (decision.allowed, [(each.rule, each.message) for each in decision.reasons])


def test_an_own_rule_cannot_overrule_ours() -> None:
    policies = with_own(own=QUOTA_HEAD + "default allow := true\n")
    assert ["blocked"] == [each.rule for each in policies.decide("quota", {**QUOTA.sample, "blocked": True}).reasons]
    assert decided(policies).allowed


def test_a_rule_named_allow_must_be_true_as_well() -> None:
    policies = with_own(own=QUOTA_HEAD + 'default allow := false\n\nallow if input.tenant == "acme"\n')
    assert (True, False) == (decided(policies).allowed, policies.decide("quota", {**QUOTA.sample, "tenant": "other"}).allowed)


def test_an_allow_that_says_nothing_is_a_no() -> None:
    decision = decided(with_own(own=QUOTA_HEAD + 'allow if input.tenant == "other"\n'))
    assert [("allow", "the rule 'allow' is not true")] == [(each.rule, each.message) for each in decision.reasons]


def test_reasons_in_the_older_style_are_read_too() -> None:
    old = 'package finops.quota\n\ndefault allow = true\n\ndeny[msg] {\n  input.used.tokens > 10\n  msg := "too many"\n}\n'
    decision = decided(Policies({**OURS, "quota.rego": old}, seconds=10))
    assert (False, ["too many"]) == (decision.allowed, [each.message for each in decision.reasons])


def test_rules_that_contradict_each_other_refuse() -> None:
    policies = with_own(own=ROUTING_HEAD + 'wish := "premium" if input.tenant == "other"\n')
    decision = policies.decide("routing", {**ROUTING.sample, "tenant": "other", "budget_share": 2})
    assert ["the rules of finops/routing/wish contradict each other, or one fails on these values"] == [r.message for r in decision.reasons]
    assert decided(policies, ROUTING).allowed  # and the next question is answered as before


def test_a_rule_that_divides_by_zero_refuses() -> None:
    policies = with_own(own=QUOTA_HEAD + 'deny contains "dear" if 100 / input.asked.tokens > 50\n')
    decision = policies.decide("quota", {**QUOTA.sample, "asked": {"tokens": 0, "cost_micros": 0, "context": 0}})
    assert (False, ["engine"]) == (decision.allowed, [each.rule for each in decision.reasons])
    assert decided(policies).allowed


def test_a_rule_that_calls_itself_stops_the_start() -> None:
    told = problems(own=QUOTA_HEAD + 'f(x) := f(x)\n\ndeny contains "x" if f(1)\n')
    assert ("own.rego:1: package finops.quota gives no answer to the sample question: a rule failed while it was worked out",) == told


def test_a_tier_that_was_not_offered_is_refused_outside_the_policy() -> None:
    own = Policies({**OURS, "routing.rego": ROUTING_HEAD + 'deny contains "x" if input.budget_share > 9\n\ntier := "gold"\n'}, seconds=10)
    assert ["the rule 'tier' names none of premium, standard, economy"] == [each.message for each in decided(own, ROUTING).reasons]


def test_a_tier_nobody_approved_is_refused_outside_the_policy() -> None:
    own = Policies(
        {**OURS, "routing.rego": ROUTING_HEAD + 'deny contains "x" if input.budget_share > 9\n\ntier := "economy"\n'}, seconds=10
    )
    assert ["tier 'economy' is cheaper than the approved level 1"] == [each.message for each in decided(own, ROUTING).reasons]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "own.rego:1: the file must begin with its package, such as `package finops.quota`"),
        ("hello", "own.rego:1: the file must begin with its package, such as `package finops.quota`"),
        (
            "package finops.quotas\n",
            (
                "own.rego:1: package 'finops.quotas' answers no question; the packages are finops.quota, finops.routing and lib.NAME. "
                "Did you mean 'finops.quota'?"
            ),
        ),
        (
            QUOTA_HEAD + '\ndeny contains "x" if {\n  input.a ==\n}\n',
            "own.rego:5: the engine does not understand this: Invalid boolean operator",
        ),
        (QUOTA_HEAD + "# é\nx = {\n", "own.rego:1: the engine does not understand this: this is unclosed"),
        (
            QUOTA_HEAD + 'deny contains "x" if inptu.blocked\n',
            "own.rego:3: 'inptu' is given no value anywhere, so its rule could never fire. Did you mean 'input'?",
        ),
        (
            QUOTA_HEAD + 'deny contains "x" if {\n  limit := 5\n  input.used.tokens > limti\n}\n',
            "own.rego:5: 'limti' is given no value anywhere, so its rule could never fire. Did you mean 'limit'?",
        ),
        (
            QUOTA_HEAD + 'deny contains "x" if {\n  tokens_of(input) > 4\n}\n',
            "own.rego:4: a policy may not call 'tokens_of': docs/policies.md lists those it may",
        ),
        (
            QUOTA_HEAD + 'deny contains "x" if max([1, 2]) > 1\n',
            (
                "own.rego:3: a policy may not call 'max': the engine compares its numbers as text; write `some x in xs` with "
                "`count({y | some y in xs; y > x}) == 0`"
            ),
        ),
        (
            QUOTA_HEAD + "deny contains x if x := opa.runtime()\n",
            "own.rego:3: a policy may not call 'opa.runtime': a policy does not see the environment; what it needs is in `input`",
        ),
        (
            QUOTA_HEAD + 'deny contains "x" if http.send({"url": "https://example.com"})\n',
            "own.rego:3: a policy may not call 'http.send': a policy reaches nothing outside; what it needs is in `input`",
        ),
        (
            QUOTA_HEAD + 'deny contains "x" if time.now_ns() > 5\n',
            (
                "own.rego:3: a policy may not call 'time.now_ns': a policy has no clock, so that a decision can be repeated; "
                "the day is in `input`"
            ),
        ),
        (
            QUOTA_HEAD + 'deny contains sprintf("%d", [input.used.tokens])\n',
            "own.rego:3: write %v instead of %d, which prints numbers beyond two thousand million wrongly",
        ),
        (
            QUOTA_HEAD + 'xs := [1, 2]\n\ndeny contains "x" if {\n  some i, j\n  xs[i] + xs[j] == 3\n}\n',
            "own.rego:7: two open indices in one expression never match in this engine; write `some x in …` for each",
        ),
        (
            'package finops.quota\n\ndeny[msg] {\n  msg := "x"\n}\n',
            "own.rego:3: `deny[…]` does not go together with `deny contains …` in quota.rego; write both alike",
        ),
    ],
)
def test_what_could_never_work_stops_the_start_with_its_line(text: str, told: str) -> None:
    assert told in problems(own=text)


def test_problems_of_all_files_are_told_at_once() -> None:
    assert [line.partition(":")[0] for line in problems(a="hello", b=QUOTA_HEAD + 'deny contains "x" if nope\n')] == ["a.rego", "b.rego"]


def test_a_file_that_takes_our_place_must_have_reasons() -> None:
    with pytest.raises(
        ConfigError, match=re.escape("quota.rego:1: package finops.quota gives no answer to the sample question: there is no")
    ):
        Policies({**OURS, "quota.rego": QUOTA_HEAD + "remaining_tokens := 5\n"}, seconds=10)


def test_a_library_is_called_through_its_import() -> None:
    lib = 'package lib.names\nimport rego.v1\n\nours(name) if startswith(name, "ac")\n'
    own = QUOTA_HEAD + 'import data.lib.names\n\ndeny contains "stranger" if not names.ours(input.tenant)\n'
    policies = with_own(lib=lib, own=own)
    assert (True, False) == (decided(policies).allowed, policies.decide("quota", {**QUOTA.sample, "tenant": "other"}).allowed)


@pytest.mark.parametrize(
    "rule",
    [
        'deny contains x if {\n  some x in ["a", "b"]\n  x == input.tenant\n}',
        'deny contains "x" if {\n  every part in split(input.tenant, "-") {\n    count(part) > 20\n  }\n}',
        'names := {"b": 1}\n\ndeny contains "x" if names[input.tenant] == 1',
        'names := ["b"]\n\ndeny contains "x" if names[_] == input.tenant',
        'names := ["b"]\n\ndeny contains "x" if {\n  some i\n  names[i] == input.tenant\n}',
        'deny contains "x" if {\n  [first, second] := ["a", input.tenant]\n  first == second\n}',
        'deny contains "x" if {\n  some key, value in input.quota\n  value == key\n}',
        'over(a, b) := a - b\n\ndeny contains "x" if over(input.used.tokens, 5) < 0',
        'deny contains "x" if {\n  n := count([t | some t in ["a"]; t == input.tenant])\n  n > 0\n}',
        'limits := {"a": 5}\n\ndeny contains "x" if {\n  limit := object.get(limits, input.tenant, 9)\n  limit == 5\n}',
        'deny contains "x" if {\n  not input.blocked\n  input.route == `a#b "c"` # comment with words\n}',
    ],
)
def test_ordinary_rules_are_understood(rule: str) -> None:
    assert decided(with_own(own=f"{QUOTA_HEAD}\n{rule}\n")).allowed


def test_a_question_that_takes_too_long_is_refused_and_so_is_the_next_until_it_ends() -> None:
    watch, gate = Watch(), Event()
    with pytest.raises(EngineError, match="gave no answer within 50 ms"):
        watch.run(gate.wait, 0.05)
    with pytest.raises(EngineError, match="still busy with an earlier question"):
        watch.run(lambda: 1, 0.05)
    gate.set()
    assert 2 == watch.run(lambda: 2, 5)
    watch.close()


def test_whoever_still_holds_replaced_policies_gets_an_answer() -> None:
    policies = Policies(OURS, seconds=10)
    policies.close()
    assert decided(policies).allowed


def test_a_slow_rule_is_refused_in_time() -> None:
    body = ["input.blocked", *(f"some x{n} in values" for n in range(5)), "x0 + x1 + x2 + x3 + x4 == 1000"]
    slow = QUOTA_HEAD + f'values := {list(range(60))}\n\ndeny contains "x" if {{\n' + "\n".join(body) + "\n}\n"
    policies = Policies({**OURS, "own.rego": slow}, seconds=0.2)
    decision = policies.decide("quota", {**QUOTA.sample, "blocked": True})
    assert (False, ["the policies gave no answer within 200 ms"]) == (decision.allowed, [each.message for each in decision.reasons])


def test_many_threads_get_the_answer_to_their_own_question() -> None:
    policies = Policies(OURS, seconds=10)
    wrong: list[Decision] = []

    def ask(blocked: bool) -> None:
        for _ in range(50):
            decision = policies.decide("quota", {**QUOTA.sample, "blocked": blocked})
            if decision.allowed is blocked:
                wrong.append(decision)

    threads = [Thread(target=ask, args=(number % 2 == 0,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == wrong


NUMBERS = st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9)
COMPARING = Engine(
    [Source("c.rego", "package lib.c\nimport rego.v1\ndefault less := false\nless if input.a < input.b\n")],
    ["lib/c/less"],
)


@given(left=NUMBERS, right=NUMBERS)
def test_the_engine_compares_numbers_as_numbers_of_six_decimals(left: float, right: float) -> None:
    assert [round(left, 6) < round(right, 6)] == COMPARING.ask({"a": left, "b": right}, ["lib/c/less"])


def test_a_decision_shows_numbers_as_the_policy_saw_them() -> None:
    decision = Policies(OURS).decide("routing", {**ROUTING.sample, "budget_share": 0.89999999})
    assert (0.9, "standard") == ((decision.input or {})["budget_share"], decision.answers["tier"])


def test_the_engine_still_has_the_faults_that_functions_are_refused_for() -> None:
    """When this fails, the engine was mended and the list of functions may grow."""
    text = 'package lib.c\nimport rego.v1\nmost := max(input.a)\nsorted := sort(input.a)\nshown := sprintf("%d", [3000000000])\n'
    engine = Engine([Source("c.rego", text)], ["lib/c/most", "lib/c/sorted", "lib/c/shown"])
    assert [3, [1, 10, 3], "-1294967296"] == engine.ask({"a": [1, 3, 10]}, ["lib/c/most", "lib/c/sorted", "lib/c/shown"])


def test_the_example_in_the_docs_works() -> None:
    example = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8").split("```rego\n")[1].partition("```")[0]
    asked = {"tokens": 1, "cost_micros": 1, "context": 2001}
    decision = with_own(own=example).decide("quota", {**QUOTA.sample, "tenant": "trial-7", "asked": asked})
    assert ["trial tenants may send 2000 tokens at once, not 2001"] == [each.message for each in decision.reasons]


def test_every_function_a_policy_may_call_is_in_the_docs() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
    assert [] == [name for name in sorted(FUNCTIONS - {"set"}) if f"`{name}`" not in docs]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    path = folder / "policies" / name
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(path.stat().st_mtime_ns + 10**9,) * 2)  # a change within one tick of the file system's clock


def test_without_a_folder_our_policies_are_in_use(tmp_path: Path) -> None:
    assert Policies(OURS).digest == PolicyFiles(tmp_path).policies.digest


def test_a_changed_file_is_taken_in(folder: Path) -> None:
    files = PolicyFiles(folder)
    before = files.policies.digest
    write(folder, "own.rego", QUOTA_HEAD + 'deny contains "closed" if input.route == "chat"\n')
    assert (True, False) == (files.refresh(), files.refresh())
    assert ["closed"] == [each.message for each in decided(files.policies).reasons]
    assert before != files.policies.digest


def test_a_broken_file_leaves_the_last_good_policies_in_use(folder: Path) -> None:
    files = PolicyFiles(folder)
    good = files.policies
    write(folder, "own.rego", QUOTA_HEAD + "deny contains (\n")
    assert (False, True) == (files.refresh(), decided(files.policies).allowed)
    assert good is files.policies
    assert files.problem is not None
    assert files.problem.endswith("(the last good policies are in use)")
    write(folder, "own.rego", QUOTA_HEAD)
    files.refresh()
    assert files.problem is None


def test_files_that_cannot_be_read_stop_the_start(folder: Path) -> None:
    (folder / "policies" / "own.rego").write_bytes(b"package finops.quota\n# \xff")
    (folder / "policies" / "big.rego").write_bytes(b"#" * 300_000)
    (folder / "policies" / "my own.rego").write_text("")
    with pytest.raises(ConfigError) as refused:
        PolicyFiles(folder)
    assert refused.value.problems == (
        "'my own.rego':1: name a file of policy with letters, digits, '-' and '_' only",
        "big.rego:1: the file is larger than 256 kB",
        "own.rego:1: the file is not UTF-8; save it in that encoding",
    )
