"""A vendor corrects what was finished: it is noticed, kept beside, and whatever rests on it is made again."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date

import pytest

from darkpool.market import sessions
from standin import Vendors

DAYS = MONDAY, TUESDAY = "2025-12-22", "2025-12-23"
LATER = "2025-12-29T06:00:00-05:00"
WINDOW = 5
EVERY = sessions.window(date.fromisoformat(TUESDAY), WINDOW + 1)
FLAGGED = "no_lit,revised"
RECHECK = """
import json, sys
from datetime import date
from darkpool.morning import lookback
from darkpool.archive.store import Archive
days = [date.fromisoformat(day) for day in sys.argv[3:]]
found = lookback.recheck(Archive(sys.argv[1]), "emps2", days, prefixes=["CNMS"], window=int(sys.argv[2]))
print(json.dumps([str(day) for day in found]))
"""


def recheck(live):
    """What the morning's wrapper does, in a process of its own as there."""
    done = subprocess.run(
        [sys.executable, "-c", RECHECK, live.archive, str(WINDOW), *DAYS],
        cwd=live.project.root,
        env=live.project.environment(DARKPOOL_NOW=LATER, PYTHONPATH="workflow/scripts"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def publish(live):
    """AAPL trades 100 shares off-exchange on the first session, 100 more on each that follows, of 1,000."""
    for number, day in enumerate(EVERY, start=1):
        live.vendors.finra.publish(day, live.regsho_rows(number))
    live.publish_yahoo(days=EVERY)


def run(live):
    """The rules that both sessions took."""
    targets = [live.project.target(day) for day in DAYS]
    return live.project.finish(*targets, config=live.config, DARKPOOL_NOW=LATER).rules


@pytest.fixture(scope="module")
def morning(live_in, tmp_path_factory):
    """Two finished sessions; read only."""
    folder = tmp_path_factory.mktemp("morning")
    with Vendors(folder / "vendors") as vendors:
        live = live_in(folder, vendors)
        publish(live)
        run(live)
        yield live
        assert not vendors.unexpected


@pytest.fixture
def finished(morning, tmp_path):
    """A copy of them, beside the same vendors, who have been asked nothing yet and have corrected nothing."""
    root = tmp_path / "project"
    shutil.copytree(morning.project.root, root)
    morning.vendors.reset()
    publish(morning)
    return replace(morning, project=replace(morning.project, root=root))


def kept(live, day):
    return {entry["path"] for entry in live.project.manifest(day)["inputs"]}


def test_corrections_reach_the_session_and_the_one_after_it(finished):
    """FINRA corrects AAPL, Yahoo NA, both of Monday."""
    live = finished
    first = (live.root / "finra/regsho/CNMSshvol20251222.txt").read_bytes()
    assert live.project.features(TUESDAY)["AAPL"]["trf_ma20"] == 600
    live.vendors.finra.publish(MONDAY, {**live.regsho_rows(6), "AAPL": (60, 0, 660, "B,Q,N")})
    live.vendors.yahoo.bars("NA", {MONDAY: (10.0, 11.0, 9.0, 10.5, 12_000)})

    assert recheck(live) == [MONDAY, TUESDAY]
    live.vendors.requests.clear()
    assert run(live)["build_volumes"] == 2
    assert not live.vendors.requests

    rows = live.project.features(MONDAY)
    assert (rows["AAPL"]["trf_volume"], rows["AAPL"]["offex_ratio"], rows["AAPL"]["quality"]) == (660, 0.66, FLAGGED)
    assert (rows["NA"]["regular_volume"], rows["NA"]["offex_ratio"], rows["NA"]["quality"]) == (12_000, 0.5, FLAGGED)
    assert (rows["BRK.B"]["trf_volume"], rows["BRK.B"]["quality"]) == (60_000, "no_lit")
    after = live.project.features(TUESDAY)
    assert (after["AAPL"]["trf_volume"], after["AAPL"]["trf_ma20"], after["AAPL"]["quality"]) == (700, 620, "no_lit")
    of_monday = live.project.table("merged", TUESDAY).filter(ticker="NA", date=date.fromisoformat(MONDAY))
    assert of_monday.select("regular_volume", "quality").row(0) == (12_000, "revised")

    assert (live.root / "finra/regsho/CNMSshvol20251222.txt").read_bytes() == first
    for day in DAYS:
        for name in ("finra/regsho/CNMSshvol20251222{}.txt", f"yahoo/daily/{day}{{}}.parquet"):
            assert {name.format(""), name.format("@20251229T110000Z")} <= kept(live, day)
    assert "revised" in (live.project.folder(MONDAY) / "table.html").read_text()

    assert recheck(live) == []
    assert run(live) == {"write_manifest": 2}


def test_where_nothing_was_corrected_nothing_is_rebuilt(finished):
    """A split since changes every number of Yahoo's, and a vendor that fails changes none here."""
    live = finished
    before = live.project.digests("results", live.archive)
    live.vendors.yahoo.bars("AAPL", dict.fromkeys(EVERY, (5.0, 5.5, 4.5, 5.25, 2_000)))
    live.vendors.yahoo.split("AAPL", "2025-12-26", 2)
    assert recheck(live) == []
    live.vendors.faults.add(kind="status", status=500)
    assert recheck(live) == []
    assert live.project.digests("results", live.archive) == before
    assert run(live) == {"write_manifest": 2}
    assert live.project.digests("results", live.archive) == before
