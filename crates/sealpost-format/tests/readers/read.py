"""Reads a report with a library that is not ours, and prints each row as a JSON array of canonical texts.

read.py FORMAT FILE COLUMNS_JSON OPTIONS_JSON; NULL is null. Canonical: integers in decimal, floats as the hex digits of
their bits, decimals as written, bytes in hex, dates `Y-m-d`, times with six digits, instants in microseconds since 1970.
"""

import base64
import csv
import datetime
import decimal
import io
import json
import re
import struct
import sys
import xml.etree.ElementTree

sys.stdout.reconfigure(encoding="utf-8")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def micros(instant):
    return str((instant - EPOCH) // datetime.timedelta(microseconds=1))


def pad(fraction):
    return (fraction or "").ljust(6, "0")


def from_text(text, kind, options, default_bytes):
    """The canonical form of a cell of a text format."""
    name = kind["type"]
    if name in ("integer", "unsigned"):
        return str(int(text))
    if name == "float32":
        return struct.pack(">f", float(text.replace(",", "."))).hex()
    if name == "float64":
        return struct.pack(">d", float(text.replace(",", "."))).hex()
    if name == "decimal":
        text = text.replace(",", ".")
        decimal.Decimal(text)
        return text
    if name == "boolean":
        return {"true": "true", "false": "false"}[text]
    if name == "bytes":
        how = options.get("bytes", default_bytes)
        return (bytes.fromhex(text) if how == "hex" else base64.b64decode(text, validate=True)).hex()
    if name == "date":
        return re.fullmatch(r"(\d{4}-\d\d-\d\d)", text)[1]
    if name == "time":
        match = re.fullmatch(r"(-?\d\d+:\d\d:\d\d)(?:\.(\d+))?", text)
        return f"{match[1]}.{pad(match[2])}"
    if name == "date_time":
        match = re.fullmatch(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?", text)
        return f"{match[1]} {match[2]}.{pad(match[3])}"
    if name == "timestamp":
        return micros(datetime.datetime.fromisoformat(text))
    return text


def read_csv(file, columns, options):
    encoding = {"utf-8-bom": "utf-8-sig"}.get(options.get("encoding", "utf-8"), options.get("encoding", "utf-8"))
    encoding = {"windows-1252": "cp1252", "iso-8859-15": "iso8859_15"}.get(encoding, encoding)
    with open(file, encoding=encoding, newline="") as text:
        rows = list(csv.reader(text, delimiter=options.get("delimiter", ","), strict=True))
    if options.get("header", True):
        assert rows.pop(0) == [column["name"] for column in columns]
    null = options.get("null_text", "")
    pattern = options.get("date_pattern")
    for row in rows:
        assert len(row) == len(columns), row
        out = []
        for cell, column in zip(row, columns):
            if cell == null:
                # Python's reader can't tell "" from nothing: the caller knows.
                out.append(None)
                continue
            if options.get("formula_guard") and column["type"] == "text" and re.match("'[=+@\t\r\n-]", cell):
                cell = cell[1:]
            if pattern == "DD.MM.YYYY" and column["type"] == "date":
                cell = "-".join(reversed(cell.split(".")))
            out.append(from_text(cell, column, options, "hex"))
        yield out


def read_tsv(file, columns, options):
    encoding = {"iso-8859-15": "iso8859_15"}.get(options.get("encoding"), "utf-8")
    lines = open(file, encoding=encoding, newline="").read().split("\n")
    assert lines.pop() == ""
    unescape = lambda cell: re.sub(r"\\(.)", lambda match: {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[match[1]], cell)
    if options.get("header", True):
        assert [unescape(name) for name in lines.pop(0).split("\t")] == [column["name"] for column in columns]
    for line in lines:
        cells = line.split("\t")
        assert len(cells) == len(columns), cells
        yield [
            None if cell == "\\N" else from_text(unescape(cell), column, options, "hex")
            for cell, column in zip(cells, columns)
        ]


def from_json(row, columns, options):
    assert list(row) == [column["name"] for column in columns]
    for column in columns:
        cell = row[column["name"]]
        if column["type"] == "json":
            if options.get("json_columns") == "text":
                yield cell
            else:
                # A JSON null in the column can't be told from SQL NULL once it is embedded.
                yield None if cell is None else json.dumps(cell, default=str)
        elif cell is None:
            yield None
        elif column["type"] in ("integer", "unsigned"):
            large = abs(int(cell)) > 2**53 - 1 and options.get("large_integers") == "string"
            assert isinstance(cell, str if large else int)
            yield str(cell)
        elif column["type"] in ("float32", "float64"):
            assert isinstance(cell, (int, decimal.Decimal))
            yield from_text(str(cell), column, options, "base64")
        elif column["type"] == "boolean":
            yield {True: "true", False: "false"}[cell]
        elif column["type"] == "decimal":
            assert isinstance(cell, (int, decimal.Decimal) if options.get("decimals") == "number" else str)
            yield format(cell, "f") if isinstance(cell, decimal.Decimal) else str(cell)
        else:
            yield from_text(cell, column, options, "base64")


def read_json(file, columns, options):
    for row in json.load(open(file, encoding="utf-8"), parse_float=decimal.Decimal):
        yield list(from_json(row, columns, options))


def read_ndjson(file, columns, options):
    for line in open(file, encoding="utf-8", newline="\n"):
        yield list(from_json(json.loads(line, parse_float=decimal.Decimal), columns, options))


def read_xml(file, columns, options):
    root = xml.etree.ElementTree.parse(file).getroot()
    assert root.tag == options.get("root_element", "report")
    for row in root:
        assert row.tag == options.get("row_element", "row")
        assert len(row) == len(columns)
        yield [
            None if cell.get(XSI_NIL) == "true" else from_text(cell.text or "", column, options, "base64")
            for cell, column in zip(row, columns)
        ]


def from_excel(cell, column, options):
    from openpyxl.utils.escape import unescape

    if cell is None:
        return None
    kind = column["type"]
    if isinstance(cell, str):
        cell = unescape(cell)
        if kind in ("text", "json"):
            return cell
        return from_text(cell, column, options, "hex")
    if kind in ("integer", "unsigned"):
        assert isinstance(cell, int) and not isinstance(cell, bool)
        return str(cell)
    if kind in ("float32", "float64"):
        return from_text(repr(cell), column, options, "hex")
    if kind == "decimal":
        return format(decimal.Decimal(repr(cell)).quantize(decimal.Decimal(1).scaleb(-column["scale"])), "f")
    if kind == "boolean":
        assert isinstance(cell, bool)
        return str(cell).lower()
    if kind == "date":
        assert isinstance(cell, datetime.datetime) and cell.time() == datetime.time()
        return cell.strftime("%Y-%m-%d")
    if kind == "time":
        if isinstance(cell, datetime.time):
            cell = datetime.timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second, microseconds=cell.microsecond)
        whole, micro = divmod(cell // datetime.timedelta(microseconds=1), 10**6)
        return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{micro:06}"
    assert kind in ("date_time", "timestamp") and isinstance(cell, datetime.datetime), (kind, cell)
    return cell.strftime("%Y-%m-%d %H:%M:%S.%f")


def read_xlsx(file, columns, options):
    import openpyxl

    decimal.getcontext().prec = 80
    book = openpyxl.load_workbook(file)
    for number, sheet in enumerate(book.worksheets):
        name = options.get("sheet_name", "Report")
        assert sheet.title == (name if number == 0 else f"{name} ({number + 1})"), sheet.title
        rows = list(sheet.iter_rows(values_only=True, max_col=len(columns)))
        assert list(rows[0]) == [column["name"] for column in columns]
        assert sheet.freeze_panes == "A2"
        last = openpyxl.utils.get_column_letter(len(columns))
        assert sheet.auto_filter.ref == f"A1:{last}{len(rows)}", sheet.auto_filter.ref
        assert sheet["A1"].font.bold
        for row in rows[1:]:
            yield [from_excel(cell, column, options) for cell, column in zip(row, columns)]


def read_parquet(file, columns, options):
    import pyarrow.parquet

    parquet = pyarrow.parquet.ParquetFile(file)
    assert parquet.metadata.created_by == "sealpost"
    types = {
        "integer": "int64", "unsigned": "uint64", "float32": "float", "float64": "double", "boolean": "bool",
        "text": "string", "time": "string", "bytes": "binary", "date": "date32[day]",
        "date_time": "timestamp[us]", "timestamp": "timestamp[us, tz=UTC]",
    }
    for index, (column, field) in enumerate(zip(columns, parquet.schema_arrow, strict=True)):
        assert field.name == column["name"]
        if column["type"] == "decimal":
            width = 128 if column["precision"] <= 38 else 256
            assert str(field.type) == f"decimal{width}({column['precision']}, {column['scale']})", field
        elif column["type"] == "json":
            assert str(parquet.schema.column(index).logical_type) == "JSON"
        else:
            assert str(field.type) == types[column["type"]], field
    for row in parquet.read().to_pylist():
        out = []
        for column in columns:
            cell, kind = row[column["name"]], column["type"]
            if cell is None:
                out.append(None)
            elif kind == "bytes":
                out.append(cell.hex())
            elif kind == "decimal":
                out.append(format(cell, "f"))
            elif kind == "date":
                out.append(cell.isoformat())
            elif kind == "date_time":
                out.append(cell.isoformat(sep=" ", timespec="microseconds"))
            elif kind == "timestamp":
                out.append(micros(cell))
            elif kind == "boolean":
                out.append(str(cell).lower())
            else:
                out.append(from_text(str(cell), column, options, "hex"))
        yield out


def main():
    format_name, file, columns, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
    csv.field_size_limit(2**30)
    out = io.StringIO()
    for row in globals()[f"read_{format_name}"](file, columns, options):
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
    sys.stdout.write(out.getvalue())


main()
