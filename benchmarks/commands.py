"""How long people wait: the start-up of commands, and a slash command until its answer with its chart stands in Slack."""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final

from benchmarks.measuring import Lap, Timing, commands_in_turn
from benchmarks.tables import Goal, heading, ms, table, times
from bot.assemble import Tools, assemble, environment, set_up_logging
from bot.commands import reply
from bot.demo import ask_in_slack, load_sample, serving
from bot.manifest import manifest
from bot.replies import Asking
from slackbox.server import Slackbox, start
from slackbox.settings import Settings

HELP, CHECK, ANSWER = "finops-bot --help", "finops-bot check", "finops-bot ask"
PASS, PANDAS = "python -c pass", 'python -c "import pandas"'
HELP_MOST, CHECK_MOST, SLACK_MOST = 300, 1000, 1000  # milliseconds

Answered = tuple[tuple[str, ...], Lap, Lap]  # its blocks, the wait in Slack, the wait without Slack

ASKED: Final = (
    "last 7d",
    "team=ml last 7d by=model",
    "last 30d by=team",
    "mtd by=provider vs last month",
    "team=none last 7d by=service top 5",
    "custo por modelo últimos 7d",
    "top 10 resources last 30d",
    "last month by=service",
    "last 4w by=project weekly",
    "env!=prod last 30d by=env",
)


def run(rounds: int, questions: int) -> list[Goal]:
    """Measure start-up and answers in Slack, print both, and return the goals."""
    with tempfile.TemporaryDirectory(prefix="finops-bot-bench-") as folder:
        config = Path(folder)
        _write_examples(config)
        set_up_logging("WARNING")
        with assemble(config, _environ()) as tools:
            rows = load_sample(tools)
            goals = _in_slack(tools, rows, questions)
        return _start_up(config, rounds) + goals


def _write_examples(config: Path) -> None:
    for name in ("budgets.yaml", "rules.yaml"):
        (config / name).write_bytes((files("finops.sample") / "config" / name).read_bytes())


def _environ() -> dict[str, str]:
    return {name: value for name, value in environment().items() if not name.startswith(("SLACK_", "FINOPS_"))}


def _start_up(config: Path, rounds: int) -> list[Goal]:
    heading(f"Start-up: {rounds} rounds in turn, fresh processes, files in the disk cache")
    bot = [str(Path(sys.executable).with_name("finops-bot"))]
    place = ["--config", str(config)]
    commands = {
        HELP: [*bot, "--help"],
        CHECK: [*bot, "check", *place],
        ANSWER: [*bot, "ask", "last 7d by=team", "--no-chart", *place],
        PASS: [sys.executable, "-c", "pass"],
        PANDAS: [sys.executable, "-c", "import pandas"],
    }
    timings = commands_in_turn(commands, rounds, environ=_environ())
    table(
        ("command", "median ms", "p95 ms", "best ms", "CPU ms", "/ pass", "/ import pandas"),
        [_line(name, timing, timings) for name, timing in timings.items()],
    )
    return [
        Goal(f"{HELP}: median", timings[HELP].median * 1000, HELP_MOST, " ms"),
        Goal(f"{CHECK}: median", timings[CHECK].median * 1000, CHECK_MOST, " ms"),
    ]


def _line(name: str, timing: Timing, timings: dict[str, Timing]) -> tuple[str, ...]:
    figures = (ms(timing.median), ms(timing.at(0.95)), ms(timing.best), ms(timing.cpu))
    return (name, *figures, times(timing.over(timings[PASS])), times(timing.over(timings[PANDAS])))


def _in_slack(tools: Tools, rows: int, questions: int) -> list[Goal]:
    heading(f"In the local Slack: {questions} slash commands on {rows:,} sample charges, until the answer and its chart are posted")
    with _slack() as box, serving(tools, box):
        texts = [ASKED[number % len(ASKED)] for number in range(questions)]
        first = ask_in_slack(box, f"/cost {texts[0]}").seconds
        laps = [_asked(tools, box, text) for text in texts]
    table(("until the answer is posted", "answers", "median ms", "p95 ms", "best ms", "/ direct"), list(_waits(laps)))
    print(f"Direct: the same question to the same code without Slack and without a picture. The very first took {first * 1000:.0f} ms.\n")
    everything = Timing(tuple(seen for _, seen, _ in laps))
    return [Goal("slash command to answer in Slack: p95", everything.at(0.95) * 1000, SLACK_MOST, " ms")]


def _waits(laps: Sequence[Answered]) -> Iterator[tuple[str, ...]]:
    """A picture is drawn, uploaded, and waited for until Slack can show it; a native chart is a few numbers in the message."""
    for about, kind in (("all", None), ("with a native chart", "data_visualization"), ("with a picture", "image")):
        chosen = [lap for lap in laps if kind is None or kind in lap[0]]
        if chosen:
            waited, direct = Timing(tuple(seen for _, seen, _ in chosen)), Timing(tuple(alone for _, _, alone in chosen))
            figures = (ms(waited.median), ms(waited.at(0.95)), ms(waited.best), times(waited.over(direct)))
            yield (about, str(len(chosen)), *figures)


@contextmanager
def _slack() -> Iterator[Slackbox]:
    with start(Settings(manifest=manifest(), port=0)) as box:
        yield box


def _asked(tools: Tools, box: Slackbox, text: str) -> Answered:
    """One question in Slack, then the same directly, which is the peer; Slack is looked at every 20 ms."""
    seen = ask_in_slack(box, f"/cost {text}")
    assert {"data_visualization", "image"} & set(seen.blocks), f"{text}: no chart in {seen.blocks}"
    began, cpu = time.perf_counter(), time.process_time()
    reply(tools, text, Asking("benchmark", tools.now(), chart=True))
    return seen.blocks, Lap(seen.seconds, 0), Lap(time.perf_counter() - began, time.process_time() - cpu)
