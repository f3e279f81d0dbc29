"""Files that look alike are read together: one scan, one SELECT."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from finops.errors import BillError, meant
from finops.sources.bills import MIB, BillFile, Caps, listed
from finops.sources.casts import literal, name
from finops.sources.csvcheck import DELIMITERS, CsvFile
from finops.sources.formats import FORMATS, kind_for, recognise
from finops.sources.jsonlines import JsonFile, json_scan
from finops.sources.mapping import Column, Header, Mapping, fold, header_of, lacking, understood
from finops.sources.parquetcheck import ParquetFile, glob_free, scan
from finops.sources.spreadsheets import PLAIN, Manner

Checked = CsvFile | JsonFile | ParquetFile


@dataclass(frozen=True, eq=False)
class Shape:
    """Checked files with the same columns, and how the mapping sees them."""

    files: tuple[Checked, ...]
    header: Header
    manner: Manner = PLAIN
    view: str | None = None  # which view of the costs its files are, where the format has several

    def scan(self, caps: Caps, files: Sequence[Checked]) -> str:
        """Return SQL that reads some of the shape's files."""
        first = self.files[0]
        if isinstance(first, ParquetFile):
            return scan(*(each.file for each in files))
        if isinstance(first, JsonFile):
            return json_scan([each for each in files if isinstance(each, JsonFile)], caps)
        return csv_scan([each for each in files if isinstance(each, CsvFile)], caps)


def shapes(files: Sequence[Checked], mapping: Mapping) -> tuple[Shape, ...]:
    """Return the checked files by their columns. Raises BillError where a file lacks what the mapping requires."""
    alike: dict[object, list[Checked]] = defaultdict(list)
    for each in files:
        alike[_form(each)].append(each)
    return tuple(Shape(tuple(group), _header(group[0], mapping)) for group in alike.values())


def names_of(checked: Checked) -> list[str]:
    """Return the names of a file's columns, the fields of records included."""
    fields = [name for name, *_ in checked.fields] if isinstance(checked, ParquetFile) else []
    return [column.name for column in _columns(checked)] + fields


def _form(checked: Checked) -> object:
    if isinstance(checked, CsvFile):
        return "csv", checked.gzip, checked.delimiter, checked.columns
    return ("json", checked.gzip, checked.columns) if isinstance(checked, JsonFile) else ("parquet", checked.columns)


def notes(all_shapes: Sequence[Shape], mapping: Mapping, used: set[str]) -> tuple[str, ...]:
    """Return what was noticed about headers: other delimiters, and columns that are ignored."""
    found = []
    for shape in all_shapes:
        first = shape.files[0]
        if isinstance(first, CsvFile) and first.delimiter != ",":
            found.append(f"{first.file.name} separates its fields by {DELIMITERS[first.delimiter]}")
        if isinstance(first, CsvFile) and first.bare:
            found.append(f"{first.file.name} has no values for the last columns of its header: {listed(first.bare)}")
    extra = {column.name for shape in all_shapes for key, column in shape.header.items() if key not in used and not mapping.is_quiet(key)}
    return (*found, f"ignored columns: {listed(sorted(extra), most=10)}") if extra else tuple(found)


def csv_scan(files: Sequence[CsvFile], caps: Caps) -> str:
    """Return SQL that reads CSV files of one shape as text, columns named by position; NULL and nothing are null."""
    paths = ", ".join(literal(glob_free(each.even or each.file)) for each in files)
    columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(files[0].columns)))
    packed = "gzip" if files[0].gzip else "none"
    return (
        f"read_csv([{paths}], columns = {{{columns}}}, delim = {literal(files[0].delimiter)}, compression = '{packed}', "
        f"auto_detect = false, header = true, quote = '\"', escape = '\"', nullstr = ['', 'NULL'], strict_mode = true, "
        f"max_line_size = {caps.record}, buffer_size = {8 * MIB}, hive_partitioning = false)"
    )


def _header(checked: Checked, mapping: Mapping) -> Header:
    columns = [*_columns(checked), *_fields(checked, mapping)]
    names = [column.name for column in columns]
    _complete(checked.file, mapping, names)
    seen: dict[str, str] = {}
    for each in (*names, *(checked.bare if isinstance(checked, CsvFile) else ())):
        if fold(each) in seen and not mapping.localized and mapping.gathered(each) is None:
            raise BillError(f"{checked.file.name}:1: {_both(seen[fold(each)], each)}; keep one of them.")
        seen[fold(each)] = each
    return header_of(mapping, columns)


def _both(first: str, second: str) -> str:
    same = first == second
    return f"column '{first}' is there twice" if same else f"'{first}' and '{second}' are the same column"


def _columns(checked: Checked) -> list[Column]:
    if isinstance(checked, CsvFile):
        return [Column(f"c{number}", "VARCHAR", each.strip("\ufeff ")) for number, each in enumerate(checked.columns)]
    if isinstance(checked, JsonFile):
        return [Column(f"v[{number}]", "VARCHAR", each) for number, (each, _) in enumerate(checked.columns, 1)]
    return [Column(name(each), type_, each) for each, type_ in checked.columns]


def _fields(checked: Checked, mapping: Mapping) -> list[Column]:
    """Fields of records that the mapping asks for by name."""
    asked = understood(mapping)
    fields = checked.fields if isinstance(checked, ParquetFile) else ()
    return [Column(sql, type_, name) for name, type_, sql in fields if fold(name) in asked]


def _complete(file: BillFile, mapping: Mapping, names: list[str]) -> None:
    missing = lacking(mapping, names)
    if not missing:
        return
    other = recognise(names)
    if other and FORMATS[other] is not mapping:
        raise BillError(
            f"{file.name}:1: this is a bill in the format '{other}', not '{mapping.name}'.", suggestion=f"ingest {kind_for(other)}"
        )
    spoken_for = understood(mapping)
    near = meant(missing[0], [each for each in names if fold(each) not in spoken_for])
    raise BillError(f"{file.name}:1: no column '{missing[0]}'; a bill in the format '{mapping.name}' needs it.{near}")
