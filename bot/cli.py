"""The command line: `finops-bot VERB …`. Parses words, calls the rooms, prints; heavy libraries load with the verb that needs them."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from bot import pricing
from bot.audit_command import audit_arguments
from bot.check_command import check_arguments
from bot.gateway_command import gateway_arguments
from bot.messages_command import messages_arguments
from bot.rules_command import rules_arguments
from bot.told import Told
from finops.errors import ConfigError, FinopsError, QueryError, UserError, close_to

DONE, OURS, CALLERS, DEGRADED = 0, 1, 2, 3
VERSION = "0.1.0"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 done, 1 our fault, 2 the caller's mistake, 3 done but something was quarantined."""
    from bot import assemble

    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        options = _parser().parse_args(words)
        return int(VERBS[options.verb](options))
    except FinopsError as problem:
        _say_problem(problem, as_json=as_json)
        return problem.exit_code
    except KeyboardInterrupt:
        return OURS
    except BrokenPipeError:
        return DONE
    except Exception as problem:
        if "--debug" in words:
            raise
        assemble.LOG.debug("unexpected", exc_info=problem)
        _say_problem(
            FinopsError(f"unexpected {type(problem).__name__}: {problem}; run it again with --debug and report what it shows"),
            as_json=as_json,
        )
        return OURS


class _Parser(argparse.ArgumentParser):
    """Mistakes end in one sentence and exit code 2, like every other mistake."""

    def error(self, message: str) -> NoReturn:
        word = message.partition("invalid choice: '")[2].partition("'")[0]
        near = close_to(word, VERBS) if word else ()
        if near:
            raise UserError(f"'{word}' is not a command. Did you mean '{near[0]}'?", did_you_mean=near)
        raise UserError(f"{message}; see finops-bot --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="finops-bot", description="What does our AI cost, why, and what do we do about it: in Slack and here.")
    _common(parser, root=True)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, about: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=about, description=about)
        _common(made, root=False)
        return made

    ask = verb("ask", 'ask as in Slack: finops-bot ask "team=ml last 7d by=model"')
    ask.add_argument("words", nargs="*", help="the words after /cost")
    ask.add_argument("--chart", type=Path, metavar="FILE", help="where to save the chart (default: charts/ID.png)")
    ask.add_argument("--no-chart", action="store_true", help="save no chart")
    ask.add_argument("--known-at", metavar="WHEN", help="answer from the deliveries made by then")
    ingest = verb("ingest", "load bills and usage: finops-bot ingest focus PATH…")
    ingest.add_argument("kind", help="what it is: focus, aws, azure, gcp …")
    ingest.add_argument("paths", nargs="*", help="files, folders or addresses such as s3://bucket/prefix; none: what --source says")
    ingest.add_argument("--source", help="name of the bill, or of a source in budgets.yaml (default: the kind's name)")
    ingest.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="as in the sources section: region=eu-west-1")
    ingest.add_argument("--delivered", metavar="WHEN", help="when it was delivered (default: now)")
    ingest.add_argument("--accept", action="store_true", help="load the good rows although others break a rule, or the size is odd")
    check_arguments(verb("check", "report every problem of the configuration at once"))
    init = verb("init", "write example budgets.yaml and rules.yaml")
    init.add_argument("folder", nargs="?", type=Path)
    run = verb("run", "answer in Slack until stopped")
    run.add_argument("--only", choices=("bot", "jobs", "api"), help="only this part")
    demo = verb("demo", "a local Slack in the browser with real sample bills")
    demo.add_argument("--port", type=int, default=0, help="port of the page (default: any free one)")
    demo.add_argument("--no-open", action="store_true", help="do not open a browser")
    demo.add_argument("--once", action="store_true", help="answer the demo questions, print what happened, and end")
    job = verb("job", "run one scheduled agent now, or list them all")
    job.add_argument("name", nargs="?", help="the job to run; without one, all are listed")
    pricing.arguments(verb("prices", "what models cost and why, what has no price, what changed"), _common)
    reconcile = verb("reconcile", "estimates beside bills: finops-bot reconcile provider=Anthropic last 30d")
    reconcile.add_argument("words", nargs="*", help="provider=, model= and a period")
    rules_arguments(verb("rules", "what budgets and rules would have told on past days"), _common)
    audit_arguments(verb("audit", "prove the record of what was done, or export it"), _common)
    gateway_arguments(verb("gateway", "whose API keys the gateway lets in"), _common)
    messages_arguments(verb("messages", "what could not be told: list it, retry M-17 or --all, drop M-17"))
    verb("version", "print the version")
    verb("help", "how to ask")
    return parser


def _common(parser: argparse.ArgumentParser, *, root: bool) -> None:
    """The same options before and after the verb; the later place must not reset the earlier."""
    missing = None if root else argparse.SUPPRESS
    off = False if root else argparse.SUPPRESS
    parser.add_argument("--config", type=Path, metavar="DIR", default=missing, help="folder with budgets.yaml and rules.yaml")
    parser.add_argument("--as-of", metavar="WHEN", default=missing, help="as it was before that day or instant")
    parser.add_argument("--json", action="store_true", default=off, help="print one JSON document")
    parser.add_argument("--debug", action="store_true", default=off, help="log everything, show tracebacks")


def _say_problem(problem: FinopsError, *, as_json: bool) -> None:
    meant = getattr(problem, "did_you_mean", ())
    suggestion = getattr(problem, "suggestion", None)
    if as_json:
        _print_json({"error": str(problem), "suggestion": suggestion, "did_you_mean": list(meant)})
    lines = [str(problem)]
    if isinstance(problem, QueryError) and meant and "did you mean" not in str(problem).lower():
        lines.append(f"Did you mean: {' | '.join(meant)}")
    if isinstance(problem, QueryError) and suggestion:
        lines.append(f"For example: {suggestion}")
    print("\n".join(lines), file=sys.stderr)


def _print_json(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2))


def _tools(options: argparse.Namespace) -> Any:
    from bot.assemble import assemble, environment, set_up_logging
    from finops.settings import config_folder

    tools = assemble(config_folder(environment(), options.config))
    level = tools.settings.log_level if options.verb == "run" else "WARNING"
    set_up_logging("DEBUG" if options.debug else level, tools.settings.secrets())
    return tools


def _ask(options: argparse.Namespace) -> int:
    from bot.commands import reply
    from bot.replies import Asking, CostReply

    with _tools(options) as tools:
        tools.align("ask")
        known_at = tools.moment(options.known_at) if options.known_at else None
        draws = not (options.json or options.no_chart)
        asking = Asking("terminal", tools.moment(options.as_of), known_at, chart=draws or options.chart is not None)
        said = reply(tools, " ".join(options.words) or "help", asking)
        if options.json:
            _print_json(said.document)
        elif isinstance(said, CostReply):
            _show_cost(said)
        else:
            _show_text(said)
        if asking.chart:
            _save_chart(said, options)
    return DONE


def _save_chart(said: Any, options: argparse.Namespace) -> None:
    from bot.charts_saved import save_chart

    path = save_chart(said, options.chart)
    if path and not options.json:
        print(f"Chart: {path}")


def _show_text(said: Any) -> None:
    print("\n".join((said.title, "", *said.lines, *(f"\n{text}" for text in said.tables()))))


def _show_cost(said: Any) -> None:
    from rich.console import Console

    from bot.terminal import print_answer

    print_answer(said.answer, said.today, Console(highlight=False, soft_wrap=not sys.stdout.isatty()))


def _ingest(options: argparse.Namespace) -> int:
    from bot.ingesting import Order, document, ingest
    from bot.progress import progress_bar

    with _tools(options) as tools:
        tools.align("ingest")
        at = tools.moment(options.delivered) if options.delivered else None
        as_of = tools.moment(options.as_of)
        order = Order(options.kind, tuple(options.paths), options.source, at, as_of, options.accept, tuple(options.option))
        with progress_bar(f"loading {options.kind}") as progress:
            done = ingest(tools, order, progress)
    if options.json:
        _print_json(document(done))
    else:
        _show_loads(done)
    for failure in done.failures:
        print(failure, file=sys.stderr)
    return OURS if done.failures else DEGRADED if done.is_degraded else DONE


def _show_loads(done: Any) -> None:
    from finops.money import show

    for load in done.loads:
        money = f", effective {show(load.effective_cost, load.currency)}" if load.currency else ""
        print(f"{load.source} {load.period}: {load.status}, {load.rows:,} rows{money}{f' ({load.reason})' if load.reason else ''}")
    for note in done.notes:
        print(f"Note: {note}")


def _check(options: argparse.Namespace) -> int:
    from bot.check_command import look

    if options.schema:
        return _schema(options.schema)
    found = look(options, lambda: _tools(options))
    if options.json:
        _print_json(found.document)
        return CALLERS if found.problems else DONE
    for line in (*(f"checked {one}" for one in found.asked), *(f"Note: {note}" for note in found.notes)):
        print(line)
    if found.problems:
        raise ConfigError(found.problems)
    print(f"{found.folder}: the configuration is in order")
    return DONE


def _schema(file: str) -> int:
    from finops.configuration.schema import schema_of

    _print_json(schema_of(file))
    return DONE


def _init(options: argparse.Namespace) -> int:
    from importlib.resources import files

    folder = options.folder or options.config or Path()
    folder.mkdir(parents=True, exist_ok=True)
    names = ("budgets.yaml", "rules.yaml")
    taken = [name for name in names if (folder / name).exists()]
    if taken:
        raise UserError(f"{folder / taken[0]} exists already; init writes no file over yours: choose another folder")
    for name in names:
        (folder / name).write_bytes((files("finops.sample") / "config" / name).read_bytes())
    written = [str(folder / name) for name in names]
    if options.json:
        _print_json({"written": written})
    else:
        print(f"wrote {' and '.join(written)}; change them, then run finops-bot check --config {folder}")
    return DONE


def _run(options: argparse.Namespace) -> int:
    from bot.serve import run

    with _tools(options) as tools:
        return run(tools, options.only)


def _demo(options: argparse.Namespace) -> int:
    from bot.demo import demo

    return int(demo(options.config, port=options.port, opens=not options.no_open, once=options.once, as_json=options.json))


def _job(options: argparse.Namespace) -> int:
    from bot.jobs_verb import jobs_page

    if options.name:
        return _run_job(options)
    with _tools(options) as tools:
        page = jobs_page(tools, "", tools.moment(options.as_of))
    if options.json:
        _print_json(page.document)
    else:
        _show_text(page)
    return DONE


def _run_job(options: argparse.Namespace) -> int:
    from bot.clockwork import runner
    from bot.jobs_verb import run_document
    from jobs.registry import find

    job = find(options.name)
    with _tools(options) as tools:
        run = runner(tools).by_hand(job, tools.moment(options.as_of))
    if options.json:
        _print_json({"job": job.name, "result": run.result, "run": run_document(run)})
    else:
        print(run.result)
    return DONE


def _prices(options: argparse.Namespace) -> int:
    with _tools(options) as tools:
        told = pricing.prices(tools, options)
    return _say(told, options)


def _rules(options: argparse.Namespace) -> int:
    from bot.rules_command import rules

    with _tools(options) as tools:
        told = rules(options, tools)
    return _say(told, options)


def _audit(options: argparse.Namespace) -> int:
    from bot.audit_command import audit

    told = audit(options, lambda: _tools(options))
    return _say(told, options)


def _gateway(options: argparse.Namespace) -> int:
    from bot.gateway_command import existing_key, gateway

    key = existing_key() if getattr(options, "existing", False) else None
    with _tools(options) as tools:
        told = gateway(options, tools, key)
    return _say(told, options)


def _messages(options: argparse.Namespace) -> int:
    from bot.messages_command import messages

    with _tools(options) as tools:
        told = messages(options, tools)
    return _say(told, options)


def _say(told: Told, options: argparse.Namespace) -> int:
    if options.json:
        _print_json(told.document)
    else:
        print("\n".join(told.lines))
    return DONE if told.holds else OURS


def _version(options: argparse.Namespace) -> int:
    if options.json:
        _print_json({"version": VERSION})
    else:
        print(f"finops-bot {VERSION}")
    return DONE


def _reconcile(options: argparse.Namespace) -> int:
    options.words = ["reconcile", *options.words]
    options.known_at, options.chart, options.no_chart = None, None, True
    return _ask(options)


def _help(options: argparse.Namespace) -> int:
    options.words, options.known_at, options.chart, options.no_chart = ["help"], None, None, True
    return _ask(options)


VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "ask": _ask,
    "ingest": _ingest,
    "check": _check,
    "init": _init,
    "run": _run,
    "demo": _demo,
    "job": _job,
    "prices": _prices,
    "reconcile": _reconcile,
    "rules": _rules,
    "audit": _audit,
    "gateway": _gateway,
    "messages": _messages,
    "version": _version,
    "help": _help,
}

if __name__ == "__main__":
    sys.exit(main())
