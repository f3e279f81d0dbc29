"""`finops-bot audit`: proves the record of what was done, live or exported, and exports it."""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bot.told import Told
from finops.errors import UserError

if TYPE_CHECKING:
    from bot.assemble import Tools
    from finops.ledger.audit_verify import Proof
    from finops.ledger.checkpoints import Checkpoint
    from finops.settings import Settings


def audit_arguments(parser: argparse.ArgumentParser, common: Callable[..., None]) -> None:
    """Declare `verify` and `export`."""
    what = parser.add_subparsers(dest="what", required=True, metavar="verify|export")
    verify = what.add_parser("verify", help="follow the chain and compare it with its checkpoints")
    verify.add_argument("file", nargs="?", type=Path, help="an export (default: the live record)")
    verify.add_argument("--without-key", action="store_true", help="an export, by the public key alone, as an auditor does")
    export = what.add_parser("export", help="write it as JSON Lines, and as CSV beside it")
    export.add_argument("file", type=Path)
    for each in (verify, export):
        common(each, root=False)


def audit(options: argparse.Namespace, tools: "Callable[[], Tools]") -> Told:
    """`tools` opens the ledger; proving an export does without, so that it works wherever the file is."""
    if options.what == "verify" and options.file:
        return _verify_file(options)
    if getattr(options, "without_key", False):
        raise UserError("--without-key is for an export; name its file")
    with tools() as opened:
        return _export(opened, options.file) if options.what == "export" else _verify(opened)


def _verify(tools: "Tools") -> Told:
    from finops.ledger.audit import keys_of
    from finops.ledger.audit_verify import verify

    engine = tools.ledger.engine
    return _told(verify(engine, keys_of(engine), _checkpoints(tools.settings)), "the live record")


def _verify_file(options: argparse.Namespace) -> Told:
    from bot.assemble import environment
    from finops.ledger.audit_keys import keys_there_are
    from finops.ledger.audit_verify import verify_file
    from finops.settings import config_folder, read

    settings = read(environment(), config_folder(environment(), options.config))
    keys = None if options.without_key else keys_there_are(settings.audit_key, settings.config / ".finops")
    return _told(verify_file(options.file, keys, _checkpoints(settings) if keys else ()), str(options.file))


def _told(proof: "Proof", what: str) -> Told:
    verdict = "holds" if proof.holds else "DOES NOT HOLD"
    lines = [f"{what} {verdict}: {proof.entries} entries, {proof.checkpoints} checkpoints, last hash {proof.head[:16]}"]
    if proof.public_key:
        lines.append(f"Public key: {proof.public_key}")
    lines += [f"Problem: {one}" for one in proof.problems]
    lines += [f"Note: {one}" for one in proof.notes]
    return Told(tuple(lines), {"ok": proof.holds, **asdict(proof)}, proof.holds)


def _export(tools: "Tools", path: Path) -> Told:
    from finops.ledger.audit import keys_of
    from finops.ledger.audit_export import export

    if path.suffix == ".csv":
        raise UserError(f"{path} would be written over by the table beside it; choose a name such as {path.with_suffix('.jsonl')}")
    if path.exists() or path.with_suffix(".csv").exists():
        raise UserError(f"{path} or the table beside it exists already; choose another name")
    made, table = export(tools.ledger.engine, keys_of(tools.ledger.engine), _checkpoints(tools.settings), path, tools.now())
    lines = (f"wrote {made.size} entries and {made.checkpoints} checkpoints to {path}, and the entries as a table to {table}",)
    return Told(lines, {"written": [str(path), str(table)], **asdict(made)})


def _checkpoints(settings: "Settings") -> "list[Checkpoint]":
    from finops.ledger.checkpoints import FILE, read_checkpoints

    return read_checkpoints(settings.audit_checkpoints / FILE)
