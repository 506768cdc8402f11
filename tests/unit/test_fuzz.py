"""Whatever bytes come from outside: a reader takes them right or raises its own error."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import promises

READERS = sorted(promises.PROMISES)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SHARES = b'"totalWeeklyShareQuantity": 100'
STRANGE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}),
    st.sampled_from([-1, 0, 1e300, 10**40, "NaN", "100", "2025-12-22", "2025-12-01"]),
)  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_what_is_well_formed_is_taken(name: str) -> None:
    for seed in promises.SEEDS[name]:
        assert promises.PROMISES[name](seed)


@pytest.mark.parametrize(
    ("name", "field", "other"),
    [
        ("polygon_trades", b'"price": 10.5', b'"price": 99.5, "price": 10.5'),
        ("polygon_bars", b'"v": 1000', b'"v": 7, "v": 1000'),
        ("polygon_bars", b'"h": 12.0', b'"h": 12.0, "a": 1, "t": 7, "o": 10.0, "h": 12.0'),
        ("weekly_pages", SHARES, b'"totalWeeklyShareQuantity": 7, ' + SHARES),
        ("weekly_files", SHARES, b'"totalWeeklyShareQuantity": 7, ' + SHARES),
    ],
)
def test_a_field_named_twice_in_a_row_is_refused(name: str, field: bytes, other: bytes) -> None:
    """Found by the fuzzer: two readers of JSON took two different numbers."""
    seed = promises.SEEDS[name][0]
    assert field in seed
    assert not promises.PROMISES[name](seed.replace(field, other, 1))


@pytest.mark.parametrize("stray", [b"\r\r\n", b"\r"])
def test_a_stray_carriage_return_is_no_line_end(stray: bytes) -> None:
    """Found by the fuzzer: the file counted its rows by line feeds and was read by either."""
    seed = promises.SEEDS["regsho_files"][0]
    if stray == b"\r":
        joined = seed.replace(b"N\r\n2025", b"N\r2025", 1)
        assert not promises.regsho_files(joined)
        seed = joined.replace(b"\r\n2\r\n", b"\r\n20251222|C|0|0|1|Q\r\n2\r\n")
    else:
        seed = seed.replace(b"N\r\n", b"N" + stray, 1)
    assert promises.regsho_files(seed)
    [odd] = promises.regsho.parse(seed, promises.NAME, promises.DAY).odd
    assert (odd.symbol, odd.what.partition(":")[0]) == ("AAPL", "line 2")


@pytest.mark.parametrize(
    "odd", [b"&a [*a]", b"{1: 2}", b"{? [a] : b}", b"2025-12-22", b"!!python/name:os.system", b"["]
)
def test_what_only_yaml_can_say_is_no_configuration(odd: bytes) -> None:
    assert not promises.configs(promises.SEEDS["configs"][0].replace(b"daily #", odd + b" #", 1))


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
@QUICK
def test_a_document_with_bytes_changed(name: str, data: st.DataObject) -> None:
    """Some bytes taken out, and others or a strange word put in their place."""
    document = promises.SEEDS[name][0]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(document)))
        end = data.draw(st.integers(start, min(len(document), start + 20)))
        words = st.sampled_from([word.encode() for word in promises.words(name)])
        document = document[:start] + data.draw(st.one_of(words, st.binary(max_size=6))) + document[end:]
    promises.PROMISES[name](document)


@pytest.mark.parametrize("name", READERS)
@given(document=st.binary(max_size=300))
@QUICK
def test_any_bytes(name: str, document: bytes) -> None:
    promises.PROMISES[name](document)


@pytest.mark.parametrize("name", [name for name in READERS if name not in ("regsho_files", "configs")])
@given(data=st.data())
@QUICK
def test_a_document_with_a_value_replaced(name: str, data: st.DataObject) -> None:
    """Anywhere in the JSON: a value, a row, or a whole branch."""
    document = json.loads(promises.SEEDS[name][0])
    for _ in range(data.draw(st.integers(1, 2))):
        replace_somewhere(document, data)
    promises.PROMISES[name](json.dumps(document).encode())


@given(data=st.data())
@QUICK
def test_a_configuration_with_a_value_replaced(data: st.DataObject) -> None:
    import yaml

    document = yaml.safe_load(promises.SEEDS["configs"][0])
    replace_somewhere(document, data)
    promises.configs(yaml.safe_dump(document).encode())


def replace_somewhere(document: Any, data: st.DataObject) -> None:
    places = list(walk(document))
    if not places:
        return
    holder, key = data.draw(st.sampled_from(places))
    if data.draw(st.integers(0, 4)) == 0:
        del holder[key]
    else:
        holder[key] = data.draw(STRANGE)


def walk(branch: Any) -> Any:
    """Every place of a document, as the container and the key or index in it."""
    keys = list(branch) if isinstance(branch, dict) else range(len(branch)) if isinstance(branch, list) else []
    for key in keys:
        yield branch, key
        yield from walk(branch[key])
