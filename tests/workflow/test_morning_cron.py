"""The printed line in a real cron of Debian's: it fires, and the target appears."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress

import pytest
import yaml

import canaries
from mornings import PATIENCE, link_environment

DAY = "2025-12-22"
SHORT = {"ma": 3, "min_sessions": 3, "window": 5}
MISSING = [tool for tool in ("cron", "crontab", "faketime") if not shutil.which(tool, path="/usr/sbin:/usr/bin:/bin")]
# A cron of its own: the machine's crontabs and process number are out of its sight, and its are out of the machine's.
APART = """set -e
mount -t tmpfs none /var/spool/cron
mount -t tmpfs none /run
[ ! -d /etc/cron.d ] || mount -t tmpfs none /etc/cron.d
[ ! -e /etc/crontab ] || mount --bind /dev/null /etc/crontab
mkdir -p /var/spool/cron/crontabs
cd "$PROJECT"
printf '%s\\n' "SHELL=/bin/sh" "DARKPOOL_NOW=$NOW" "5 5 5 5 5 others" | crontab -
"$PYTHON" -m darkpool cron --install
"$PYTHON" -m darkpool cron --install
crontab -l
exec faketime '2025-12-23 10:59:57' cron -f -L 15
"""


def is_root():
    return hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.mark.skipif(bool(MISSING), reason=f"Debian's packages cron and faketime are not installed ({MISSING})")
@pytest.mark.skipif(not is_root(), reason="a cron of its own can only be started by root")
def test_the_printed_line_makes_the_target_in_a_real_cron(live, tmp_path):
    """At six in New York by the wrapper's clock, when cron's strikes eleven in UTC."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace can be had here, and the machine's own crontab is not for tests")
    root = live.project.root
    link_environment(root)
    live.publish()
    config = yaml.safe_load((root / "config.yaml").read_text())
    config |= {"scans": live.config["scans"], "mode": "single", "morning": {"look_back": 0}, "history": SHORT}
    config["lit"]["source"], config["finra"]["weekly"] = "none", False
    (root / "config.yaml").write_text(yaml.safe_dump(config))
    # cron hands on nothing: the keys, a proxy and its certificate stand in .env
    variables = {**live.vendors.variables, **canaries.KEYS}
    (root / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    (root / ".env").chmod(0o600)
    own = root / f"results/emps2/{DAY}/own_scan.csv"
    own.parent.mkdir(parents=True)
    own.write_text("price\n1\n")

    log = tmp_path / "cron.log"
    variables = {"PROJECT": str(root), "NOW": live.now, "PYTHON": str(root / ".venv/bin/python"), "TZ": "UTC"}
    with log.open("wb") as said:
        cron = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", APART],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **variables},
            stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
    try:
        latest, deadline = root / "results/emps2/latest.json", time.monotonic() + PATIENCE
        while not latest.exists():
            assert cron.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        while (root / ".morning.lock").read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
    finally:
        with suppress(ProcessLookupError):  # it has ended meanwhile, and the log says why
            os.killpg(cron.pid, signal.SIGKILL)
        cron.wait()
    assert own.with_name("all").is_file()
    assert live.project.features()["AAPL"]["offex_ratio"] == 0.6
    lines = log.read_text().splitlines()
    fires = f"0 * * * * {root}/workflow/scripts/daily.sh --at 06:00 >/dev/null"
    assert lines.count("5 5 5 5 5 others") == 1
    assert "installed already; crontab -l shows it" in lines
    assert lines[lines.index("5 5 5 5 5 others") :].count(fires) == 1
