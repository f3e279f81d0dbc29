"""The Rego engine behind our walls: compiles policies, asks them one at a time, and does not wait for one that hangs."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Final

from finops.configuration.problems import Problems
from finops.errors import ConfigError
from finops.guard.policy_source import Source

UNDEFINED: Final = object()
_ERROR: Final = re.compile(r"\(error \d+:(?P<file>[^|\s]+)\|(?P<at>\d+)\|\d+\s*\(errormsg \d+:(?P<said>[^)]*)\)")


Work = SimpleQueue[tuple[Callable[[], Any], list[Any], Lock] | None]


class EngineError(Exception):
    """The engine gave no answer: an error, a conflict, or nothing in time."""


class Engine:
    """Policies compiled once for a fixed set of entry points. Not for two threads at a time."""

    def __init__(self, sources: Sequence[Source], entrypoints: Sequence[str]) -> None:
        """Compile. Raises ConfigError with `file:line` of what the engine does not understand."""
        self._rego = import_module("regopy")
        for source in sources:  # each alone first, so that every file's problems are told
            self._alone(source)
        self._interpreter = self._new()
        try:
            for source in sources:
                self._interpreter.add_module(source.file, source.text)
            self._bundle = self._interpreter.build(None, list(entrypoints))
        except self._rego.RegoError as error:
            raise ConfigError(_told(error, sources)) from None
        if not self._bundle.ok():  # asking such a bundle would end the process
            raise ConfigError([_unfit(sources)])

    def ask(self, document: Mapping[str, Any], entrypoints: Sequence[str]) -> list[Any]:
        """Return what each entry point says, UNDEFINED where nothing. Raises EngineError."""
        try:
            self._interpreter.set_input(self._rego.Input(document))
            return [self._answer(entrypoint) for entrypoint in entrypoints]
        except (self._rego.RegoError, ValueError) as error:  # an error inside a rule comes as a text that is no JSON
            raise EngineError("a rule failed while it was worked out") from error

    def _answer(self, entrypoint: str) -> Any:
        output = self._interpreter.query_bundle_entrypoint(self._bundle, entrypoint)
        if not output.ok():
            raise EngineError(f"the rules of {entrypoint} contradict each other, or one fails on these values")
        values = [value for result in output.results for value in result.expressions]
        if len(values) > 1:
            raise EngineError(f"{entrypoint} has {len(values)} answers")
        return values[0] if values else UNDEFINED

    def _new(self) -> Any:
        interpreter = self._rego.Interpreter()
        interpreter.log_level = self._rego.LogLevel.NONE  # else it writes to the terminal itself
        interpreter.strict_built_in_errors = True  # else a rule that divides by zero simply does not fire
        return interpreter

    def _alone(self, source: Source) -> None:
        interpreter = self._new()
        try:
            interpreter.add_module(source.file, source.text)
        except self._rego.RegoError as error:
            raise ConfigError(_told(error, [source])) from None


class Watch:
    """Does one piece of work at a time on a thread of its own, and gives up waiting after a while.

    Native code cannot be stopped from outside, so the thread of a piece that hangs goes on; until it ends nothing else is
    begun, and everybody is told at once.
    """

    def __init__(self) -> None:
        self._turn = Lock()
        self._desk = Lock()
        self._work: Work | None = None

    def run(self, work: Callable[[], Any], seconds: float) -> Any:
        """Return what `work` returns. Raises EngineError when that takes too long, and what `work` raises."""
        if not self._turn.acquire(timeout=seconds):
            raise EngineError("the policies are still busy with an earlier question")
        done, result = Lock(), list[Any]()
        done.acquire()
        with self._desk:
            if self._work is None:
                self._work = SimpleQueue()
                Thread(target=self._loop, args=(self._work,), name="policies", daemon=True).start()
            self._work.put((work, result, done))
        if not done.acquire(timeout=seconds):
            raise EngineError(f"the policies gave no answer within {seconds * 1000:g} ms")
        return _result(result)

    def close(self) -> None:
        """Let the thread end once it has nothing to do; whoever asks afterwards gets a new one."""
        with self._desk:
            if self._work is not None:
                self._work.put(None)
            self._work = None

    def _loop(self, queue: "Work") -> None:
        while piece := queue.get():
            work, result, done = piece
            try:
                result.append(work())
            except Exception as error:  # handed to whoever waits
                result.append(error)
            self._turn.release()
            done.release()


def _result(result: list[Any]) -> Any:
    if isinstance(result[0], Exception):
        raise result[0]
    return result[0]


def _told(error: Exception, sources: Sequence[Source]) -> tuple[str, ...]:
    """Return `file:line: what` for each error; the engine counts in bytes from the start of a file."""
    texts = {source.file: source.text.encode() for source in sources}
    problems = Problems()
    for found in _ERROR.finditer(str(error)):
        line = texts.get(found["file"], b"").count(b"\n", 0, int(found["at"])) + 1
        problems.note(found["file"], line, f"the engine does not understand this: {found['said'].strip()}")
    if not problems.found:
        problems.note(sources[0].file, 1, f"the engine does not understand the policies: {json.dumps(str(error)[:200])}")
    return problems.told()


def _unfit(sources: Sequence[Source]) -> str:
    """Name two files that write `deny` in the two styles, which the engine cannot join."""
    old = next((source for source in sources if re.search(r"(?m)^deny\s*\[", source.text)), None)
    new = next((source for source in sources if re.search(r"(?m)^deny\s+contains\b", source.text)), None)
    if old and new:
        return (
            f"{old.file}:{old.rules.get('deny', 1)}: `deny[…]` does not go together with `deny contains …` in {new.file}; write both alike"
        )
    return f"{sources[-1].file}:1: the policies do not fit together; a rule of one name is written in two ways"
