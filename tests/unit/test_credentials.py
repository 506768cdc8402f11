"""Where keys may lie, and where they never appear."""

from __future__ import annotations

import base64
import os
import re
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import canaries
from darkpool import credentials, step_log
from darkpool.archive.store import Archive

KEY = canaries.POLYGON


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POLYGON_API_KEY", raising=False)
    monkeypatch.setattr(credentials, "_handed_out", set())
    monkeypatch.setattr(credentials, "_withheld", {})
    path = tmp_path / ".env"
    path.write_text(f"POLYGON_API_KEY={KEY}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_for_its_owner_alone_is_read(env_file: Path, mode: int) -> None:
    env_file.chmod(mode)
    assert credentials.read("POLYGON_API_KEY") == KEY


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o602, 0o610])
@pytest.mark.parametrize("ask", [
    lambda: credentials.read("POLYGON_API_KEY"), lambda: credentials.which(credentials.POLYGON), credentials.check,
])  # fmt: skip
def test_a_file_open_to_others_is_refused_and_the_cure_is_named(env_file: Path, mode: int, ask) -> None:
    env_file.chmod(mode)
    with pytest.raises(ValueError, match=rf"mode {mode:o}\).*chmod 600 \.env") as refused:
        ask()
    assert KEY not in str(refused.value)


def test_a_file_of_somebody_else_is_refused_and_the_cure_is_named(env_file: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: env_file.stat().st_uid + 1)
    with pytest.raises(ValueError, match=r"belongs to another user.*cp \.env \.env\.own && chmod 600"):
        credentials.read("POLYGON_API_KEY")


def test_no_file_is_no_fault(env_file: Path) -> None:
    env_file.unlink()
    credentials.check()
    assert credentials.which(credentials.POLYGON) is None


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ("ntfys://token@host.example/topic", ["ntfys://token@host.example/topic"]),
        ("tgram://1:a/2, discord://3/b  json://h", ["tgram://1:a/2", "discord://3/b", "json://h"]),
        ("mailto://u:p@h?to=a@x.example,b@x.example,ntfy://t", ["mailto://u:p@h?to=a@x.example,b@x.example", "ntfy://t"]),
        (" , ", []),
        ("", []),
    ],
)  # fmt: skip
def test_addresses_are_parted_by_blanks_or_by_a_comma_before_the_next_one(env_file, monkeypatch, written, addresses):
    monkeypatch.setenv("DARKPOOL_NOTIFY", written)
    assert credentials.listed("DARKPOOL_NOTIFY") == addresses


def test_a_key_that_was_read_is_taken_out_of_every_text_in_every_spelling(env_file: Path) -> None:
    key = credentials.read("POLYGON_API_KEY")
    credentials.remember("client-id", "client-secret")
    spelt = [key, quote(key, safe=""), base64.b64encode(b"client-id:client-secret").decode()]
    for text in spelt:
        assert credentials.hidden(f"?key={text}!") == "?key=(hidden)!"
    assert credentials.hidden("nothing to see") == "nothing to see"


def test_the_token_inside_an_address_is_hidden_alone_too(env_file: Path, monkeypatch) -> None:
    monkeypatch.setenv("DARKPOOL_NOTIFY", "ntfys://tk_abc123def456ghi@push.example.org/prices")
    credentials.listed("DARKPOOL_NOTIFY")
    assert (
        credentials.hidden("401 for tk_abc123def456ghi at push.example.org") == "401 for (hidden) at push.example.org"
    )


def _fail(error: Exception, said: str) -> None:
    print(said, file=sys.stderr)
    raise error


def test_a_step_that_fails_with_a_key_in_its_error_does_not_say_it(env_file: Path, capsys) -> None:
    key = credentials.read("POLYGON_API_KEY")
    for error in (ValueError(f"no {key}"), KeyError(f"no {key}"), RuntimeError(f"no {key}")):
        with pytest.raises(SystemExit), step_log.logged(env_file.parent / "log"):
            _fail(error, f"asking with {key}")
        said = capsys.readouterr().err + (env_file.parent / "log").read_text()
        assert key not in said
        assert "no (hidden)" in said


def test_what_a_vendor_repeats_of_a_key_is_in_no_receipt_and_no_reason(env_file: Path) -> None:
    from datetime import UTC, date, datetime

    key = credentials.read("POLYGON_API_KEY")
    archive = Archive(env_file.parent / "archive")
    archive.write_receipt("polygon", date(2025, 12, 22), {"tickers": {}, "reason": f"Unknown API Key {key}"})
    archive.reject("polygon/x.json", b"{}", f"said {key}", datetime.now(UTC))
    assert len([path for path in archive.root.rglob("*") if path.is_file()]) == 3
    assert canaries.in_tree(archive.root) == {}


class TestLines:
    """What a person, an editor or a shell writes into `.env` is read, or said to mean nothing."""

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
    def test_every_encoding_and_line_end_of_an_editor_is_read(self, env_file: Path, encoding: str, end: str) -> None:
        env_file.write_bytes(f"POLYGON_API_KEY={KEY}{end}".encode(encoding))
        assert credentials.read("POLYGON_API_KEY") == KEY
        assert credentials.check() == []

    @pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
    def test_the_mark_of_utf_16_is_read_in_both_orders(self, env_file: Path, mark: bytes) -> None:
        env_file.write_bytes(
            mark + f"POLYGON_API_KEY={KEY}\n".encode("utf-16-le" if mark == b"\xff\xfe" else "utf-16-be")
        )
        assert credentials.read("POLYGON_API_KEY") == KEY

    @pytest.mark.parametrize(
        "line",
        [
            "POLYGON_API_KEY={}", " POLYGON_API_KEY = {} ", "export POLYGON_API_KEY={}", "export\tPOLYGON_API_KEY={}",
            "POLYGON_API_KEY='{}'", 'POLYGON_API_KEY="{}"', 'POLYGON_API_KEY = "{}"  # paid', "POLYGON_API_KEY={} # p",
            "POLYGON_API_KEY={}\t# paid", "\ufeffPOLYGON_API_KEY={}", "POLYGON_API_KEY=old\nPOLYGON_API_KEY={}",
            "# a comment: with a colon\n\n   # and = one\nPOLYGON_API_KEY={}", "POLYGON_API_KEY={}\nOTHER_PROGRAM=1",
        ],
    )  # fmt: skip
    def test_every_way_to_write_a_line_gives_the_key(self, env_file: Path, line: str) -> None:
        env_file.write_text(line.format(KEY) + "\n")
        assert credentials.read("POLYGON_API_KEY") == KEY
        assert credentials.check() == []

    @pytest.mark.parametrize(
        "line",
        [
            "POLYGON_API_KEY: {}", "POLYGON_API_KEY {}", "{}", '"POLYGON_API_KEY": "{}",', "POLYGON-API-KEY={}",
            "set POLYGON_API_KEY={}", '$env:POLYGON_API_KEY="{}"', "POLYGON_API_KEY='{}", 'POLYGON_API_KEY="{}',
            "= {}", "export {}", "\u2022 POLYGON_API_KEY={}", 'POLYGON_API_KEY="{}" paid', "; POLYGON_API_KEY={}",
        ],
    )  # fmt: skip
    def test_a_line_that_means_nothing_is_told_by_its_number_and_never_shown(self, env_file: Path, line: str) -> None:
        env_file.write_text(f"# keys\n{line.format(KEY)}\n")
        (told,) = credentials.check()
        assert told.startswith(".env, line 2 means nothing; expected NAME=value")
        assert KEY not in told
        assert credentials.which(credentials.POLYGON) is None

    @pytest.mark.parametrize("name", ["POLYGON_APIKEY", "polygon_api_key", "POLYGON_API_KEYS", "API_TOKEN", "Zm9vYmFy"])
    def test_a_first_name_that_nothing_reads_is_told_and_so_is_a_misspelt_one(self, env_file: Path, name: str) -> None:
        env_file.write_text(f"{name}={KEY}\n")
        (told,) = credentials.check()
        assert told.startswith(".env, line 1 sets a name that nothing reads; the names are POLYGON_API_KEY")
        assert name not in told.replace("POLYGON_API_KEY", "").replace("MASSIVE_API_KEY", "")
        assert KEY not in told

    @pytest.mark.parametrize(
        ("written", "value"),
        [("", ""), (" # none yet", ""), ("a#b", "a#b"), ("#a", "#a"), ("a=b==", "a=b=="), ("'a # b'", "a # b")],
    )  # fmt: skip
    def test_a_value_keeps_its_signs_and_loses_its_comment(self, env_file: Path, written: str, value: str) -> None:
        env_file.write_text(f"POLYGON_API_KEY={written}\n")
        assert credentials.setting("POLYGON_API_KEY") == value

    @given(st.binary(max_size=120))
    def test_whatever_stands_there_is_read_or_told_or_refused_and_never_shown(self, content: bytes) -> None:
        try:
            written = credentials.parsed(content)
        except UnicodeDecodeError:
            return
        assert all(re.fullmatch(r"line \d+ (means nothing|sets a name that nothing reads); .*", s) for s in written.odd)

    @given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6, max_size=40), st.booleans())
    def test_any_key_comes_back_as_it_was_written(self, key: str, quoted: bool) -> None:
        shown = f'"{key}"' if quoted else key
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            assert credentials.parsed(f"export FINRA_API_KEY = {shown}\r\n".encode(encoding)) == (
                {"FINRA_API_KEY": key}, (),
            )  # fmt: skip


def test_what_a_cluster_exports_holds_no_secret_and_texts_still_hide_each(env_file: Path, monkeypatch) -> None:
    env_file.unlink()
    kept = {"PATH": "/bin", "FETCH_MODE": "single"}
    environment = {**canaries.KEYS, "MASSIVE_API_KEY": "another-key-9", **kept}
    for name in credentials.SECRETS:
        monkeypatch.delenv(name, raising=False)
    taken = credentials.withhold(environment)
    assert environment == kept
    assert taken == {**canaries.KEYS, "MASSIVE_API_KEY": "another-key-9"}
    basic = base64.b64encode(canaries.PAIRS[0].encode()).decode()
    said = credentials.hidden(f"{canaries.KEYS}, {quote(KEY, safe='')}, another-key-9, {basic}, {canaries.TOPIC}")
    assert canaries.in_text(said) == set()
    assert "another-key-9" not in said
    assert credentials.withhold(environment) == taken


def test_what_is_withheld_is_found_by_this_process_and_the_file_of_keys_is_left_alone(
    env_file: Path, monkeypatch
) -> None:
    for name in credentials.SECRETS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FINRA_API_KEY", canaries.FINRA_KEY)
    assert credentials.withhold(os.environ) == {"FINRA_API_KEY": canaries.FINRA_KEY}
    assert "FINRA_API_KEY" not in os.environ
    assert credentials.which(["FINRA_API_KEY"]) == "FINRA_API_KEY"
    assert credentials.read("FINRA_API_KEY") == canaries.FINRA_KEY
    assert credentials.read("POLYGON_API_KEY") == KEY
