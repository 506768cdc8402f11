"""What the documentation shows can be typed as it stands, in the environment that `make demo` builds.

That environment is laid out of links to the packages of requirements.txt, and of no others: the developer's are not
there. What asks a vendor or installs something is looked at by `make -n` and `--dry-run`; `tests/unit/test_readme.py`
reads the rest.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from importlib import metadata
from pathlib import Path

import pytest

import documentation
import session_folders
from darkpool.market import sessions
from darkpool.session import files

NEWEST = date(2025, 12, 22)
DECEMBER = sessions.between(date(2025, 12, 5), NEWEST)
PLAN_ONLY = (
    "make test",
    "make backfill",
    "make assistant",
    "make cluster",
    "make doctor",
    "make run",
    "make latest",
    "make cron INSTALL=1",
)
"""Asks vendors, installs something, or is this very suite."""
FOR_SHELL = re.compile(r"touch |chmod |echo |export ")


def requirements() -> list[str]:
    """Names of the packages that the runtime environment holds, as far as they belong on this machine."""
    text = (documentation.ROOT / "requirements.txt").read_text()
    named = re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==", text, re.MULTILINE)
    here = {re.sub(r"[-_.]+", "-", found.name).lower() for found in metadata.distributions()}
    return [name for name in named if name in here]


def build(place: Path) -> None:
    """What `make demo` builds at `place`: Python, the runtime packages with their commands, and the project's own."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    site = next(place.glob("lib/python*/site-packages"))
    python = place / "bin/python"
    for package in map(metadata.distribution, requirements()):
        for file in package.files or ():
            top, found = file.parts[0], Path(package.locate_file(file))
            if found.parent.name == "bin" and top == "..":
                command = place / "bin" / found.name
                command.write_bytes(re.sub(rb"\A#!.*", b"#!" + os.fsencode(python), found.read_bytes(), count=1))
                command.chmod(0o755)
            elif top not in ("..", "__pycache__") and not (site / top).exists():
                (site / top).symlink_to(package.locate_file(top))
    (site / "darkpool.pth").write_text('import os, sys; sys.path.append(os.path.abspath("workflow/scripts"))\n')
    for made in ("bin/uv", ".runtime"):  # so that make has nothing to install
        (place / made).touch(mode=0o755)


@pytest.fixture(scope="module")
def typed(copy_project, tmp_path_factory):
    """Types a command in a project with the demo's environment and twelve sessions of its own on disk."""
    project = copy_project(tmp_path_factory.mktemp("docs"))
    build(project.root / ".venv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session_folders, "TICKERS", ("NA", "SPY", "TQQQ"))
        for day in DECEMBER:
            session_folders.write(project.root / "results/emps2", day)
    (project.root / "results/emps2/latest.json").write_text(
        json.dumps({
            "complete": True, "stale_mark": False, "date": str(NEWEST), "states": {},
            "paths": {"features": f"{NEWEST}/{files.FEATURES}"},
        })
    )  # fmt: skip
    (project.root / "my.yaml").write_text("backfill_count: 5\n")

    def type_in(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(project.root / ".venv/bin"), os.environ["PATH"]])
        environment = project.environment(PATH=path, DARKPOOL_NOW="2025-12-23T12:00:00-05:00", **variables)
        for name in ("DARKPOOL_NOTIFY", "PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS"):
            environment.pop(name, None)
        return subprocess.run(
            words, cwd=project.root, env=environment, capture_output=True, text=True, check=False, timeout=600
        )

    type_in.root = project.root
    return type_in


def shown(*programs: str) -> list[documentation.Command]:
    found = [command for command in documentation.SHOWN if command.words[0] in programs]
    assert found
    return sorted({command.words: command for command in found}.values())


def test_the_environment_has_what_the_product_imports_and_no_package_of_the_developers(typed):
    code = (
        "import importlib.util as u; print([n for n in ('snakemake', 'pygments', 'pytest', 'mypy') if u.find_spec(n)])"
    )
    done = typed("python", "-c", code)
    assert (done.stdout, done.stderr) == ("['snakemake', 'pygments']\n", "")


def test_the_demo_and_its_report_are_made_as_they_stand(typed):
    for target in ("demo", "report"):
        done = typed("make", target)
        assert done.returncode == 0, done.stdout + done.stderr
    made = typed.root / "results/demo"
    assert (made / "2025-12-22/all").is_file()
    assert "<html" in (made / "report.html").read_text()


def is_planned(command: documentation.Command) -> bool:
    return str(command).partition(": ")[2].startswith(PLAN_ONLY)


@pytest.mark.parametrize("command", [c for c in shown("make") if c.words != ("make", "demo")], ids=str)
def test_every_make_command_runs_or_where_it_would_ask_a_vendor_is_planned(typed, command):
    words = [*command.words, "-n"] if is_planned(command) else command.words
    done = typed(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


@pytest.fixture(scope="module")
def history(typed):
    done = typed("make", "history")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("command", shown("python"), ids=str)
def test_every_darkpool_command_runs(typed, command):
    done = typed(*command.words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout or "--send" in command.words


@pytest.mark.parametrize("command", shown("snakemake"), ids=str)
def test_every_snakemake_command_finds_its_target(typed, command):
    if "--report" in command.words:
        pytest.skip("a report is made of a finished session: see the demo's")
    program, *words = command.words
    done = typed(program, "--dry-run", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "write_manifest" in done.stdout


def test_a_configuration_of_ones_own_is_heard_and_its_target_too(typed):
    (command,) = {command.words for command in shown("snakemake") if "--configfile" in command.words}
    done = typed(command[0], "--dry-run", *command[1:], FETCH_MODE="daily")
    asked = set(re.findall(r"results/emps2/(\d{4}-\d{2}-\d{2})/features.parquet", done.stdout))
    assert len(asked) == 5


def test_the_morning_says_what_it_would_do(typed):
    for command in shown("workflow/scripts/daily.sh"):
        done = typed(*command.words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["action"] == "dry-run"


def test_keys_and_addresses_are_put_into_a_file_that_a_run_accepts(typed, tmp_path):
    pages = (documentation.ROOT / "README.md", documentation.ROOT / "docs/morning.md")
    blocks = [block for page in pages for _, block in documentation.BLOCK.findall(page.read_text())]
    lines = [line.strip() for block in blocks for line in block.splitlines() if FOR_SHELL.match(line.strip())]
    assert len(lines) == 5
    script = "\n".join(lines)
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, check=True)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    asked = "from darkpool import credentials; print(credentials.check(), credentials.which(('DARKPOOL_NOTIFY',)))"
    shutil.copy(tmp_path / ".env", typed.root / ".env")
    try:
        done = typed("python", "-c", asked)
    finally:
        (typed.root / ".env").unlink()
    assert (done.stdout, done.stderr) == ("[] DARKPOOL_NOTIFY\n", "")


def test_another_program_reads_the_ratios_as_the_page_shows(typed):
    text = (documentation.ROOT / "docs/morning.md").read_text().split("## From another program")[1]
    (code,) = re.findall(r"```python\n(.*?)```", text.split("\n## ")[0], re.DOTALL)
    done = typed("python", "-c", code + "\nprint(ratios.height, *ratios.columns)")
    assert (done.stdout, done.stderr) == ("3 ticker offex_ratio trf_spike quality\n", "")
