"""The `prices` verb: what applies to a model and why, what has no price, and what differs between two tables."""

import argparse
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bot.told import Told
from finops.errors import UserError, meant

if TYPE_CHECKING:
    from bot.assemble import Tools
    from finops.pricing.book import PriceBook, Rates
    from finops.pricing.differences import Change, Differences
    from finops.pricing.steps import Step
    from finops.pricing.tables import Table

DATED: Final = re.compile(r"(.+)@([0-9]{4}-[0-9]{2}-[0-9]{2})")
LARGEST_FILE: Final = 200_000_000
MOST_LINES: Final = 200
PER_MTOK: Final = 6


def arguments(parser: argparse.ArgumentParser, common: Callable[..., None]) -> None:
    """Declare `show`, `check` and `diff`."""
    what = parser.add_subparsers(dest="what", required=True, metavar="show|check|diff")
    show = what.add_parser("show", help="what applies to a model, and why")
    show.add_argument("model")
    show.add_argument("--on", metavar="DATE", help="on that day (default: now)")
    show.add_argument("--provider", help="who sells it")
    show.add_argument("--tier", help="standard, batch, flex, priority …")
    show.add_argument("--region")
    check = what.add_parser("check", help="models in use without a price, or priced by an uncertain match")
    diff = what.add_parser("diff", help="models whose price differs between two tables")
    for name in ("before", "after"):
        diff.add_argument(name, help="list, budgets, list@2026-01-01, or a LiteLLM or genai-prices JSON file (.gz too)")
    diff.add_argument("--above", default="0%", metavar="SHARE", help="leave out changes up to this share, such as 1%%")
    diff.add_argument("--provider", help="only models of this provider")
    diff.add_argument("--all", action="store_true", help="list every model that only one table has")
    for each in (show, check, diff):
        common(each, root=False)


def prices(tools: "Tools", options: argparse.Namespace) -> Told:
    return COMMANDS[options.what](tools, options)


def _show(tools: "Tools", options: argparse.Namespace) -> Told:
    from finops.pricing.book import price_book
    from finops.pricing.tiers import tier_name

    book, at = price_book(tools.rulebook.prices), _at(options.on, tools, options)
    rates = book.rates(options.provider, options.model, at, options.tier, options.region)
    if rates is None:
        raise UserError(_no_price(book, options, tier_name(options.tier), at))
    document = {
        "price_id": rates.price_id,
        "provider": rates.provider,
        "model": rates.model,
        "tier": tier_name(options.tier),
        "currency": rates.currency,
        "start": _moment(rates.start),
        "end": _moment(rates.end),
        "certain": rates.certain,
        "why": list(rates.why),
        "steps": [_step_document(step) for step in rates.steps],
    }
    return Told(tuple(_rates_lines(rates)), document)


def _no_price(book: "PriceBook", options: argparse.Namespace, tier: str, at: datetime) -> str:
    from finops.pricing import builtin

    seller = options.provider or book.provider_of(options.model)
    named = f"'{options.model}'{f' of {seller}' if seller else ''}"
    if tier != "standard" and book.rates(options.provider, options.model, at, None, options.region):
        way_out = f"give a price or a factor with 'tier: {tier}' in budgets.yaml"
        return f"nobody knows what tier '{tier}' of {named} costs on {at:%Y-%m-%d}; {way_out}"
    known = [model for provider, model in builtin.models() if seller in (None, provider)]
    hint = meant(options.model, known)
    return f"there is no price for {named} on {at:%Y-%m-%d}; give one under 'prices' in budgets.yaml.{hint}"


def _rates_lines(rates: "Rates") -> list[str]:
    from finops.telling.answer_json import amount

    lines = [f"{rates.model} of {rates.provider}: {rates.price_id}"]
    lines += [f"  {why}" for why in rates.why]
    if not rates.certain:
        lines.append("  The list knows the model by another name or from another seller: see whether it is the same.")
    lines.append(f"  holds from {_day(rates.start, 'the beginning')} until {_day(rates.end, 'further notice')} (UTC)")
    for step in rates.steps:
        lines.append(f"{rates.currency} per million tokens{f', requests above {step.above:,} input tokens' if step.above else ''}:")
        for kind, price, public in _prices(step):
            at_list = f" (list {amount(public)})" if public != price else ""
            lines.append(f"  {kind.replace('_', ' '):<15} {'no price' if price is None else amount(price)}{at_list}")
    return lines


def _prices(step: "Step") -> list[tuple[str, Decimal | None, Decimal | None]]:
    from finops.pricing.steps import KINDS

    found = [(kind, _mtok(getattr(step, kind)), _mtok(getattr(step, f"list_{kind}"))) for kind in KINDS]
    return [*found, ("per_request", step.per_request, step.list_per_request)] if step.per_request or step.list_per_request else found


def _mtok(price: Decimal | None) -> Decimal | None:
    return None if price is None else price.scaleb(PER_MTOK)


def _step_document(step: "Step") -> dict[str, Any]:
    from finops.telling.answer_json import amount

    prices = {kind: {"price": amount(price), "list": amount(public)} for kind, price, public in _prices(step)}
    return {"above": step.above, "per_mtok": prices}


def _check(tools: "Tools", options: argparse.Namespace) -> Told:
    from finops.ledger.models_seen import models_seen
    from finops.pricing.book import price_book
    from finops.pricing.checking import check

    seen = models_seen(tools.ledger)
    found = check(price_book(tools.rulebook.prices), seen)
    document = {
        "checked": len(seen),
        "findings": [
            {
                "problem": finding.problem,
                "provider": finding.seen.provider,
                "model": finding.seen.model,
                "tier": finding.seen.tier,
                "requests": finding.seen.tokens.requests,
                "price_id": finding.price_id,
                "sentence": finding.sentence,
            }
            for finding in found
        ],
    }
    if not seen:
        return Told(("the ledger holds no requests yet; load usage first",), document)
    if not found:
        return Told((f"all {len(seen)} kinds of requests in the ledger have a price of their own model",), document)
    return Told(tuple(f"{finding.problem}: {finding.sentence}" for finding in found), document)


def _diff(tools: "Tools", options: argparse.Namespace) -> Told:
    from finops.pricing.differences import differences

    above = _share(options.above)
    before, after = (_only(_table(name, tools, options), _provider(options)) for name in (options.before, options.after))
    found = differences(before, after, above)
    document = {
        "before": before.name,
        "after": after.name,
        "compared": found.compared,
        "changed": [_change_document(change) for change in found.changed],
        "new": [{"provider": provider, "model": model} for provider, model in found.new],
        "gone": [{"provider": provider, "model": model} for provider, model in found.gone],
    }
    return Told(tuple(_diff_lines(found, before.name, after.name, every=options.all)), document)


def _table(name: str, tools: "Tools", options: argparse.Namespace) -> "Table":
    from finops.pricing.book import price_book
    from finops.pricing.tables import of_book, of_document

    dated = None if Path(name).exists() else DATED.fullmatch(name)
    base, at = (dated[1], _at(dated[2], tools, options)) if dated else (name, _at(None, tools, options))
    if base in ("list", "budgets"):
        return of_book(price_book(tools.rulebook.prices if base == "budgets" else ()), name, at, _provider(options))
    table = of_document(_document(Path(base)), name, at)
    if dated and table.family == "litellm":
        raise UserError(f"{base} is a LiteLLM table, which has no dates; leave out @{dated[2]}")
    return table


def _document(path: Path) -> object:
    """Read a JSON file, packed or not, with its numbers as they are written."""
    if not path.is_file():
        raise UserError(
            f"'{path}' is neither a file nor a table; use list, budgets, or a JSON file.{meant(str(path), ('list', 'budgets'))}"
        )
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            with gzip.open(path) as packed:
                raw = packed.read(LARGEST_FILE)
        return json.loads(raw, parse_float=Decimal)
    except (OSError, EOFError, ValueError) as problem:
        raise UserError(f"{path} cannot be read as JSON ({problem}); give LiteLLM's or genai-prices' table of prices") from None


def _only(table: "Table", provider: str | None) -> "Table":
    if provider is None:
        return table
    rows = {key: rows for key, rows in table.rows.items() if key[0].casefold() == provider.casefold()}
    return replace(table, rows=rows)


def _provider(options: argparse.Namespace) -> str | None:
    from finops.providers import provider_name

    return None if options.provider is None else provider_name(options.provider)


def _change_document(change: "Change") -> dict[str, Any]:
    from finops.telling.answer_json import amount

    share = None if change.share is None else float(change.share)
    found = {"provider": change.provider, "model": change.model, "kind": change.kind, "written": change.written}
    return found | {"before": amount(change.before), "after": amount(change.after), "change_share": share}


def _diff_lines(found: "Differences", before: str, after: str, *, every: bool) -> list[str]:
    from finops.telling.answer_json import amount

    lines = [f"{found.compared:,} models in both tables, {len(found.changed):,} prices differ (per million tokens, {before} → {after})"]
    shown = found.changed if every else found.changed[:MOST_LINES]
    rows = [
        (
            f"{change.provider} {change.model}",
            change.kind,
            amount(change.before) or "–",
            amount(change.after) or "–",
            _percent(change.share),
        )
        for change in shown
    ]
    lines += _columns([("model", "kind", "before", "after", "change"), *rows]) if rows else []
    if len(shown) < len(found.changed):
        lines.append(f"… and {len(found.changed) - len(shown):,} more; see them with --all, or fewer with --above 5%")
    for word, models in (("new", found.new), ("gone", found.gone)):
        if models:
            lines.append(f"{word}: {len(models):,} models{'' if every else ', see them with --all'}")
            lines += [f"  {provider} {model}" for provider, model in models] if every else []
    return lines


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _percent(share: Decimal | None) -> str:
    return "" if share is None else f"{share * 100:+,.1f}%".replace("-", "−")


def _share(text: str) -> Decimal:
    try:
        number = Decimal(text.strip().removesuffix("%").strip())
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number < 0:
        raise UserError(f"--above takes a percentage such as 1%, not '{text}'")
    return number / 100


def _at(day: str | None, tools: "Tools", options: argparse.Namespace) -> datetime:
    """A day means its first moment in UTC, in which prices are dated."""
    if day is None:
        return tools.moment(options.as_of)
    try:
        return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    except ValueError:
        raise UserError(f"'{day}' is not a day; write it as 2026-01-31") from None


def _moment(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _day(at: datetime | None, otherwise: str) -> str:
    if at is None:
        return otherwise
    return f"{at:%Y-%m-%d}" if at.time() == datetime.min.time() else f"{at:%Y-%m-%d %H:%M}"


COMMANDS: Final[dict[str, Callable[["Tools", argparse.Namespace], Told]]] = {"show": _show, "check": _check, "diff": _diff}
