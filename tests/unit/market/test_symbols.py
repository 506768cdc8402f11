import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool.market import symbols

# (ours, FINRA, Polygon, Yahoo); None: no published spelling.
TABLE = [
    ("AAPL", "AAPL", "AAPL", "AAPL"),
    ("BRK.B", "BRK/B", "BRK.B", "BRK-B"),
    ("MKC.V", "MKC/V", "MKC.V", "MKC-V"),
    ("ABRpD", "ABRpD", "ABRpD", "ABR-PD"),
    ("TYp", "TYp", "TYp", "TY-P"),
    ("OXY.WS", "OXY/WS", "OXY.WS", "OXY-WT"),
    ("VST.WS.A", "VST/WS/A", "VST.WS.A", "VST-WTA"),
    ("VYGG.U", "VYGG/U", "VYGG.U", "VYGG-UN"),
    ("CELGr", "CELGr", "CELGr", "CELG-RI"),
    ("IFFw", "IFFw", "IFFw", "IFF-WI"),
    ("RGTIW", "RGTIW", "RGTIW", "RGTIW"),
    ("ECCA.CL", "ECCA/CL", None, None),
    ("BACpY.CL", "BACpY/CL", None, None),
    ("SPErw", "SPErw", None, None),
    ("NA", "NA", "NA", "NA"),
    ("NAN", "NAN", "NAN", "NAN"),
    ("TRUE", "TRUE", "TRUE", "TRUE"),
    ("TPC", "TPC", "TPC", "TPC"),
    ("TpC", "TpC", "TpC", "T-PC"),
    ("C", "C", "C", "C"),
]

roots = st.from_regex(r"[A-Z]{1,5}", fullmatch=True)
tickers = st.builds(
    lambda root, suffix: root + suffix,
    roots,
    st.one_of(
        st.sampled_from(["", "p", "r", "w", "rw", ".U", ".WS", ".WS.A", ".CL", ".V", ".WD"]),
        st.from_regex(r"(\.|p)[A-Z]", fullmatch=True),
        st.from_regex(r"p[A-Z]\.CL", fullmatch=True),
    ),
)


@pytest.mark.parametrize(("ours", "finra", "polygon", "yahoo"), TABLE)
def test_each_kind_is_spelt_as_the_vendor_spells_it(ours, finra, polygon, yahoo):
    assert (symbols.to_finra(ours), symbols.to_polygon(ours), symbols.to_yahoo(ours)) == (finra, polygon, yahoo)
    assert symbols.from_finra(finra) == ours
    if yahoo is not None:
        assert symbols.from_yahoo(yahoo) == ours


@given(tickers)
def test_a_mapped_ticker_comes_back_unchanged(ticker):
    assert symbols.from_finra(symbols.to_finra(ticker)) == ticker
    assert symbols.to_polygon(ticker) in (ticker, None)
    if (theirs := symbols.to_yahoo(ticker)) is not None:
        assert symbols.from_yahoo(theirs) == ticker


@given(st.lists(tickers, unique=True, max_size=20))
def test_two_tickers_never_share_a_yahoo_symbol(several):
    asked = [symbol for ticker in several if (symbol := symbols.to_yahoo(ticker)) is not None]
    assert len(set(asked)) == len(asked)


@given(tickers)
def test_yahoo_symbols_survive_the_upper_casing_of_its_client(ticker):
    symbol = symbols.to_yahoo(ticker)
    assert symbol is None or symbol == symbol.upper()


@given(st.text(max_size=12))
def test_any_text_is_mapped_back_to_itself_or_refused(text):
    for back, to in [(symbols.from_finra, symbols.to_finra), (symbols.from_yahoo, symbols.to_yahoo)]:
        if (ticker := back(text)) is not None:
            assert to(ticker) == text
            assert symbols.validate(ticker) == ticker


@pytest.mark.parametrize("ticker", ["aapl", "X.P", "X.WS.AA", "AAPLx", "p", ".B", ""])
def test_what_yahoo_has_no_spelling_for_is_not_guessed(ticker):
    assert symbols.to_yahoo(ticker) is None


@pytest.mark.parametrize("symbol", ["^VIX", "BTC-USD", "GC=F", "VYGG-U", "X-CL", "AAPL.L", "brk-b"])
def test_a_yahoo_symbol_that_is_no_us_equity_maps_to_none(symbol):
    assert symbols.from_yahoo(symbol) is None


def test_a_dot_in_a_finra_file_is_no_class_share():
    assert symbols.from_finra("BRK.B") is None


@pytest.mark.parametrize("written", ["BRK.B", "BRK/B", "BRK-B", "  BRK.B\n"])
def test_a_class_share_may_be_written_in_any_of_the_three_forms(written):
    assert symbols.normalise(written) == "BRK.B"


@pytest.mark.parametrize(
    ("written", "ours"),
    [("T-PC", "TpC"), ("TpC", "TpC"), ("TPC", "TPC"), (" aapl ", "aapl"), ("NAN", "NAN"), ("OXY-WT", "OXY.WS")],
)
def test_normalising_never_changes_case(written, ours):
    assert symbols.normalise(written) == ours


@given(tickers)
def test_normalising_is_idempotent_and_reads_every_vendors_form(ticker):
    assert symbols.normalise(ticker) == ticker
    assert symbols.normalise(symbols.to_finra(ticker)) == ticker
    if (yahoo := symbols.to_yahoo(ticker)) is not None:
        assert symbols.normalise(yahoo) == ticker


@pytest.mark.parametrize(
    "text",
    ["", "  ", "../x", "..", ".", "/etc/passwd", "A/../B", "A..B", "A\x00B", "A\nB", "A B", "A\\B", "~", "A" * 21,
     "BTC-USD", "^VIX", "ÄÖ", "A%2F", "-rf", "A\u200b"],
)  # fmt: skip
def test_path_tricks_and_other_texts_are_refused_by_name(text):
    with pytest.raises(ValueError, match="ticker"):
        symbols.normalise(text)
    with pytest.raises(ValueError, match="ticker"):
        symbols.validate(text)


@given(st.text())
def test_a_validated_ticker_is_one_plain_path_component(text):
    try:
        ticker = symbols.validate(text)
    except ValueError:
        return
    assert Path(ticker).name == ticker
    assert re.fullmatch(r"[A-Za-z0-9.]{1,20}", ticker)


@pytest.mark.real_data
def test_every_symbol_of_the_real_files_is_mapped_and_comes_back(real_data):
    files = [*(real_data / "archive/finra/regsho").glob("*.txt"), *(real_data / "finra_families").glob("*.txt")]
    lines = (line for file in files for line in file.read_text(encoding="ascii").splitlines()[1:])
    real = {line.split("|")[1] for line in lines if "|" in line}
    assert len(real) > 10_000
    mapped = {symbol: symbols.from_finra(symbol) for symbol in real}
    assert [symbol for symbol, ticker in mapped.items() if ticker is None] == []
    assert all(symbols.to_finra(ticker) == symbol for symbol, ticker in mapped.items() if ticker is not None)
