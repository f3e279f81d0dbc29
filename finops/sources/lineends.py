"""A CSV file whose last line alone ends otherwise than the others, as it does after a tool added one."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from finops.sources.bills import BillFile
from finops.sources.csvcheck import CsvFile

_HEAD: Final = 1024 * 1024


def evened(checked: CsvFile, folder: Path) -> CsvFile:
    """Return the file, or a copy in `folder` with the last line ended like the first; what differs within stays for others to judge."""
    path = checked.file.path
    if checked.gzip:
        return checked
    with path.open("rb") as stream:
        first = _end(stream.read(_HEAD).partition(b"\n")[0] + b"\n")
        stream.seek(max(path.stat().st_size - 2, 0))
        last = stream.read(2)
    if not last.endswith(b"\n") or _end(last) == first:
        return checked
    copy = folder / f"{checked.sha256}.csv"
    shutil.copyfile(path, copy)
    with copy.open("r+b") as stream:
        stream.truncate(path.stat().st_size - len(_end(last)))
        stream.seek(0, 2)
        stream.write(first)
    return replace(checked, even=BillFile(copy, checked.file.name))


def _end(line: bytes) -> bytes:
    return b"\r\n" if line.endswith(b"\r\n") else b"\n"
