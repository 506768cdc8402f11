"""What is written for people and other programs."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from command_line import DAYS
from darkpool.show import spreadsheet
from darkpool.tables import glossary

XLSX = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def test_the_page_of_chosen_rows_links_the_plots_that_exist(run, project):
    plot = project / "results/emps2/2025-12-22/plots/T%70C.png"
    plot.parent.mkdir()
    plot.write_bytes(b"")
    status, out, _ = run("table", "--dates", "2025-12", "--tickers", "TpC,NA", "--html", "pages/chosen.html")
    html = (project / "pages/chosen.html").read_text()
    assert (status, out) == (0, "pages/chosen.html\n")
    assert "../results/emps2/2025-12-22/plots/T%2570C.png" in html
    assert "plots/NA.png" not in html
    assert ">TPC<" not in html
    assert "2025-12-18" in html


def test_a_plot_is_drawn_for_each_ticker_and_session(run, project):
    before = fingerprint(project / "results")
    status, out, _ = run("plots", "--symbols", "NA,TpC", "--to", "pictures")
    assert status == 0
    assert out.split() == ["pictures/NA-2025-12-22.png", "pictures/T%70C-2025-12-22.png"]
    assert all((project / path).read_bytes().startswith(b"\x89PNG") for path in out.split())
    # Where the day traded is a panel more, 3.1 inches high: NA has a profile, TpC has none.
    with_day, without = (int.from_bytes((project / path).read_bytes()[20:24]) for path in out.split())
    assert with_day - without == round(3.1 * 130)
    assert fingerprint(project / "results") == before


def fingerprint(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_exported_csv_holds_the_chosen_rows_and_columns(run, project):
    chosen = ("--dates", "2025-12-18:2025-12-19", "--tickers", "NA", "--columns", "date,ticker,trf_volume,trf_spike")
    status, out, _ = run("export", *chosen, "--to", "-")
    assert status == 0
    assert out == "date,ticker,trf_volume,trf_spike\n2025-12-18,NA,1018.0,\n2025-12-19,NA,1019.0,\n"


def test_exported_rows_of_simulated_vendors_say_so_in_every_format(run, project):
    for name in ("rows.csv", "rows.xlsx", "rows.parquet"):
        status, _, err = run("export", "--scan", "demo", "--columns", "ticker,trf_volume", "--to", name)
        assert status == 0
        assert glossary.SIMULATED in err
    assert "SIMULATED" in (project / "rows.csv").read_text()
    assert pl.read_parquet(project / "rows.parquet")["vendors"].to_list() == ["SIMULATED"] * 3
    assert sheet_names(project / "rows.xlsx") == ["SIMULATED", "about"]


def test_exported_parquet_keeps_unit_and_meaning(run, project):
    import pyarrow.parquet as pq

    run("export", "--columns", "ticker,trf_volume", "--to", "rows.parquet")
    schema = pq.read_schema(project / "rows.parquet")
    assert schema.field("trf_volume").metadata[b"unit"] == b"shares"
    assert schema.metadata[b"disclaimer"].decode() == glossary.DISCLAIMER


def test_a_table_of_other_days_is_exported_with_its_session(run):
    _, out, _ = run("export", "--table", "merged", "--dates", "2025-12-22", "--tickers", "TPC", "--to", "-")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["session"], row["date"]) for row in rows] == [
        ("2025-12-22", "2025-12-18"), ("2025-12-22", "2025-12-19"), ("2025-12-22", "2025-12-22"),
    ]  # fmt: skip


def test_a_map_is_exported_as_json(run):
    _, out, _ = run("export", "--table", "lit_flow", "--tickers", "NA", "--columns", "excluded_reasons", "--to", "-")
    assert list(csv.DictReader(io.StringIO(out))) == [{"excluded_reasons": '{"condition": 7.0}'}]


def sheet_names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as book:
        return [
            sheet.get("name") or ""
            for sheet in ElementTree.fromstring(book.read("xl/workbook.xml")).iter(f"{XLSX}sheet")
        ]


def test_a_spreadsheet_never_holds_a_formula():
    rows = pl.DataFrame({"ticker": ["=1+1", "+A1", "-2", "@x", "TRUE", "NA"], "trf_volume": [-1.0, None, 2.5, 0, 1, 2]})
    with zipfile.ZipFile(io.BytesIO(spreadsheet.to_xlsx(rows, "features", simulated=False))) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        texts = [node.text for node in ElementTree.fromstring(book.read("xl/sharedStrings.xml")).iter(f"{XLSX}t")]
    assert not list(sheet.iter(f"{XLSX}f"))
    assert {"'=1+1", "'+A1", "'-2", "'@x", "TRUE", "NA"} <= set(texts)
    kinds = {cell.get("r"): cell.get("t") for cell in sheet.iter(f"{XLSX}c")}
    assert kinds["A6"] == kinds["A7"] == "s"
    assert "B3" not in kinds
    lines = spreadsheet.to_csv(rows).decode().splitlines()
    assert lines[1:4] == ["'=1+1,-1.0", "'+A1,", "'-2,2.5"]


def test_the_same_rows_are_the_same_bytes_as_a_spreadsheet():
    rows = pl.DataFrame({"ticker": ["NA"], "date": [DAYS[0]], "trf_volume": [1.0]})
    assert spreadsheet.to_xlsx(rows, "features", False) == spreadsheet.to_xlsx(rows, "features", False)


def test_more_rows_than_a_sheet_holds_are_refused(monkeypatch):
    monkeypatch.setattr(spreadsheet, "MOST_ROWS", 1)
    with pytest.raises(ValueError, match="2 rows, an Excel sheet holds 1"):
        spreadsheet.to_xlsx(pl.DataFrame({"ticker": ["A", "B"]}), "features", False)
