"""Asks policies written in Rego, and fails closed: whatever is wrong, missing, contradictory or slow is a refusal with its reason."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from finops.configuration.problems import shown
from finops.errors import ConfigError, meant
from finops.guard.policy_checks import check
from finops.guard.policy_engine import UNDEFINED, Engine, EngineError, Watch
from finops.guard.policy_inputs import QUESTIONS, ROUTING, Question, faults
from finops.guard.policy_source import Source

SECONDS: Final = 0.25
MOST_REASONS: Final = 50
LONGEST: Final = 500
DECIMALS: Final = 6


@dataclass(frozen=True)
class Reason:
    """Why something is refused: the rule that said so, in words, and the values of the input it looked at."""

    rule: str
    message: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """What the policies said. `policy` is their digest; `input` is what they saw, None where it was refused before."""

    question: str
    allowed: bool
    reasons: tuple[Reason, ...]
    answers: Mapping[str, Any]
    policy: str
    input: Mapping[str, Any] | None

    def document(self) -> dict[str, Any]:
        """Return the decision with its explanation as plain JSON."""
        reasons = [{"rule": reason.rule, "message": reason.message, "values": dict(reason.values)} for reason in self.reasons]
        return {
            "question": self.question,
            "allowed": self.allowed,
            "reasons": reasons,
            "answers": dict(self.answers),
            "policy": self.policy,
            "input": self.input and dict(self.input),
        }


class Policies:
    """Compiled policies. `decide` may be called from any thread and never raises."""

    def __init__(self, texts: Mapping[str, str], *, seconds: float = SECONDS) -> None:
        """Compile the files, name to text. Raises ConfigError with every problem as `file:line`."""
        sources = tuple(Source(file, text) for file, text in sorted(texts.items()))
        check(sources)
        self.digest: Final = digest(texts)
        self._seconds = seconds
        self._paths = {question.name: _paths(question, sources) for question in QUESTIONS.values()}
        self._engine = Engine(sources, [path for paths in self._paths.values() for path in paths])
        self._watch = Watch()
        self._try(sources)

    def decide(self, question: str, given: object) -> Decision:
        """Answer a question; anything but a clear, undenied answer to a valid input is a refusal."""
        asked = QUESTIONS.get(question)
        if asked is None:
            said = f"{shown(question)} is no question; the questions are {', '.join(QUESTIONS)}.{meant(question, QUESTIONS)}"
            return self._refused(question, [Reason("question", said)])
        wrong = _faults(asked, given)
        if wrong or not isinstance(given, dict):
            return self._refused(question, [Reason("input", fault[:LONGEST]) for fault in wrong])
        seen = _as_seen(given)
        try:
            said = self._watch.run(lambda: self._engine.ask(seen, self._paths[question]), self._seconds)
            return self._decided(asked, seen, dict(zip(self._paths[question], said, strict=True)))
        except EngineError as error:
            return self._refused(question, [Reason("engine", str(error))], seen)

    def close(self) -> None:
        """End the thread the policies are asked on."""
        self._watch.close()

    def _decided(self, question: Question, given: dict[str, Any], said: Mapping[str, Any]) -> Decision:
        answers = {path.rpartition("/")[2]: value for path, value in said.items() if value is not UNDEFINED}
        reasons = _denials(answers.pop("deny", UNDEFINED))
        allow = f"{question.package.replace('.', '/')}/allow"
        if allow in said and answers.pop("allow", None) is not True:
            reasons = reasons or [Reason("allow", "the rule 'allow' is not true")]
        if question is ROUTING and not reasons:
            reasons = _astray(answers.get("tier"), given)
        return Decision(question.name, not reasons, tuple(reasons[:MOST_REASONS]), answers, self.digest, given)

    def _refused(self, question: str, reasons: Sequence[Reason], given: Mapping[str, Any] | None = None) -> Decision:
        return Decision(question, False, tuple(reasons[:MOST_REASONS]), {}, self.digest, given)

    def _try(self, sources: Sequence[Source]) -> None:
        """Ask each question once, so that what only shows when asked stops the start and not a customer."""
        problems = []
        for question in QUESTIONS.values():
            decision = self.decide(question.name, question.sample)
            problems += [
                f"{_file(question, sources)}:1: package {question.package} gives no answer to the sample question: {reason.message}"
                for reason in decision.reasons
                if reason.rule in ("engine", "deny")
            ]
        if problems:
            self.close()
            raise ConfigError(problems)


def digest(texts: Mapping[str, str]) -> str:
    """Name policies by their files' names and content."""
    total = hashlib.sha256()
    for file, text in sorted(texts.items()):
        for part in (file, text):
            content = part.encode("utf-8", "surrogatepass")
            total.update(len(content).to_bytes(8, "big") + content)
    return total.hexdigest()


def _paths(question: Question, sources: Sequence[Source]) -> tuple[str, ...]:
    """Return the entry points of a question; `allow` only where some file has it, for then it must be true."""
    allow = any(source.package == question.package and "allow" in source.rules for source in sources)
    names = ("deny", *question.answers, *(("allow",) if allow else ()))
    return tuple(f"{question.package.replace('.', '/')}/{name}" for name in names)


def _as_seen(value: Any) -> Any:
    """Return a copy as the engine reads it, which is what a decision must show: it takes six decimals of a number."""
    if isinstance(value, dict):
        return {name: _as_seen(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_seen(each) for each in value]
    return round(value, DECIMALS) if isinstance(value, float) else value


def _faults(question: Question, given: object) -> list[str]:
    try:
        return faults(question, given)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:  # an object that only looks like JSON
        return [f"the input cannot be read: {error}"]


def _denials(deny: Any) -> list[Reason]:
    """Read a set of reasons: a list from `deny contains`, an object with true values from `deny[…]`."""
    if deny is UNDEFINED:
        return [Reason("deny", "there is no rule 'deny' that could be asked")]
    if isinstance(deny, dict) and all(value is True for value in deny.values()):
        return [_reason(each) for each in deny]
    if isinstance(deny, list):
        return [_reason(each) for each in deny]
    return [Reason("deny", "the rule 'deny' is not a set of reasons")]


def _reason(said: Any) -> Reason:
    """Read one reason, which is a text or an object with `rule`, `message` and `values`."""
    if not isinstance(said, dict):
        return Reason("unnamed", said[:LONGEST] if isinstance(said, str) else "no reason given")
    values = said.get("values")
    message = str(said.get("message", "no reason given"))[:LONGEST]
    return Reason(str(said.get("rule", "unnamed"))[:LONGEST], message, values if isinstance(values, dict) else {})


def _astray(tier: Any, given: Mapping[str, Any]) -> list[Reason]:
    """Refuse a tier that was not offered or that nobody has approved, whatever the policy says."""
    levels = {each["name"]: each["level"] for each in given["tiers"]}
    if not isinstance(tier, str) or tier not in levels:
        return [Reason("tier", f"the rule 'tier' names none of {', '.join(levels)}")]
    if levels[tier] > given["approved_level"]:
        return [Reason("tier", f"tier {shown(tier)} is cheaper than the approved level {given['approved_level']}")]
    return []


def _file(question: Question, sources: Sequence[Source]) -> str:
    return next((source.file for source in sources if source.package == question.package), f"{question.name}.rego")
