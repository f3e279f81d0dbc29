"""`jobs`: every scheduled agent with its last run and its next; `jobs NAME`: how it went before. The same in Slack and terminal."""

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from bot.assemble import Tools
from bot.replies import TextReply
from finops.errors import UserError
from finops.ledger import runs, troubles
from finops.ledger.runs import Run
from finops.ledger.troubles import Trouble
from finops.telling.answer_json import moment
from finops.telling.grids import Cell, Grid
from finops.telling.names import clean, cut
from jobs.registry import Job, find, known
from jobs.slots import upcoming

HEAD: Final = ("job", "last run", "how it went", "runs", "next")
CAPTION: Final = "What runs by the clock; jobs NAME tells how one of them went before"
ALL_WELL: Final = "Nothing is failing."
LONGEST: Final = 80


def jobs_page(tools: Tools, name: str, now: datetime) -> TextReply:
    """Tell about all jobs, or how one of them went. Raises UserError with the nearest name."""
    return _history(tools, _named(name), now) if name else _all(tools, now)


def _named(name: str) -> Job:
    """Find a job; what was meant is told as it is asked for."""
    try:
        return find(name)
    except UserError as problem:
        raise UserError(str(problem), did_you_mean=tuple(f"jobs {one}" for one in problem.did_you_mean)) from None


def run_document(run: Run) -> dict[str, Any]:
    return {
        "period": run.period,
        "attempt": run.attempt,
        "state": run.state,
        "started_at": moment(run.started_at),
        "finished_at": moment(run.finished_at) if run.finished_at else None,
        "result": run.result,
        "error": run.error,
        "holder": run.holder,
    }


def _all(tools: Tools, now: datetime) -> TextReply:
    jobs, last = known(), runs.latest(tools.ledger.engine)
    failing = troubles.current(tools.ledger.engine)
    told = [_job_document(tools, job, now, last.get(name), failing.get(name)) for name, job in jobs.items()]
    lines = [f"{name}: {one.error}" for name, one in failing.items()]
    rows = tuple(_row(tools, job, now, last.get(name)) for name, job in jobs.items())
    return TextReply("Jobs", tuple(lines) or (ALL_WELL,), {"jobs": told}, grid=Grid(CAPTION, HEAD, rows))


def _history(tools: Tools, job: Job, now: datetime) -> TextReply:
    found = runs.history(tools.ledger.engine, job.name)
    failing = troubles.current(tools.ledger.engine).get(job.name)
    lines = [job.about, f"Runs {job.when}{_next(tools, job, now)}"]
    if failing:
        lines.append(f"Fails since {_at(failing.since)}. {failing.next_step}")
    lines += [_run_line(run) for run in found] or ["It has not run yet."]
    document = _job_document(tools, job, now, found[0] if found else None, failing)
    return TextReply(job.name, tuple(lines), {"job": job.name, **document, "runs": [run_document(run) for run in found]})


def _job_document(tools: Tools, job: Job, now: datetime, last: Run | None, failing: Trouble | None) -> dict[str, Any]:
    due = _due(tools, job, now)
    return {
        "name": job.name,
        "about": job.about,
        "schedule": job.schedule.text if job.schedule else None,
        "timezone": tools.rulebook.timezone,
        "catch_up": job.catch_up,
        "next_due": moment(due) if due else None,
        "last_run": run_document(last) if last else None,
        "failing_since": moment(failing.since) if failing else None,
    }


def _row(tools: Tools, job: Job, now: datetime, last: Run | None) -> tuple[Cell, ...]:
    due = _due(tools, job, now)
    return (
        Cell(job.name),
        Cell(_at(last.started_at) if last else "not yet"),
        Cell(cut(clean(f"{last.state}: {_said(last)}" if _said(last) else last.state), LONGEST) if last else ""),
        Cell(job.when),
        Cell(_at(due) if due else ""),
    )


def _run_line(run: Run) -> str:
    said = _said(run)
    again = f", attempt {run.attempt}" if run.attempt > 1 else ""
    period = "" if run.period.startswith("manual:") else f" for {run.period}"
    return f"{_at(run.started_at)} {run.state}{period}{again}{f': {said}' if said else ''}"


def _said(run: Run) -> str:
    return run.error or run.result or ("since then" if run.state == "running" else "")


def _next(tools: Tools, job: Job, now: datetime) -> str:
    due = _due(tools, job, now)
    return f", next {_at(due)}" if due else ""


def _due(tools: Tools, job: Job, now: datetime) -> datetime | None:
    return upcoming(job.schedule, ZoneInfo(tools.rulebook.timezone), now).due_at if job.schedule else None


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z"
