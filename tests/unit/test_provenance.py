"""An edit runs again what it can change, and nothing else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from darkpool import provenance

SCRIPTS = Path(provenance.__file__).parents[1]

FILES = {
    "build.py": "from pkg import noun\nfrom pkg.helper import f\n",
    "draw.py": "import pkg.plots as plots\n",
    "alone.py": "import json\n",
    "pkg/__init__.py": '__version__ = "1"\n',
    "pkg/noun.py": "from . import deep\n",
    "pkg/deep.py": '"""A docstring."""\nfrom .data import read\n',
    "pkg/data.py": 'LIST = "codes.csv"\n',
    "pkg/codes.csv": "1,2\n",
    "pkg/helper.py": "def f():\n    from . import late\n",
    "pkg/late.py": "import pkg.noun\n",
    "pkg/plots.py": 'STYLE = "house.mplstyle"\nPAGE = "table.html.j2"\n',
    "pkg/house.mplstyle": "font.size: 9\n",
    "pkg/templates/table.html.j2": '<style>{% include "table.css" %}</style>\n',
    "pkg/templates/table.css": "p {}\n",
    "pkg/unused.py": "x = 1\n",
}
REACHED_BY = {
    "pkg/__init__.py": {"build.py", "draw.py"},
    "pkg/noun.py": {"build.py"},
    "pkg/deep.py": {"build.py"},
    "pkg/data.py": {"build.py"},
    "pkg/codes.csv": {"build.py"},
    "pkg/helper.py": {"build.py"},
    "pkg/late.py": {"build.py"},
    "pkg/plots.py": {"draw.py"},
    "pkg/house.mplstyle": {"draw.py"},
    "pkg/templates/table.html.j2": {"draw.py"},
    "pkg/templates/table.css": {"draw.py"},
    "pkg/unused.py": set(),
    "build.py": {"build.py"},
    "alone.py": {"alone.py"},
}


@pytest.fixture
def project(tmp_path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def ids(folder: Path) -> dict[str, str]:
    return {
        script: provenance.code_id(folder / script, folder / "pkg") for script in ("build.py", "draw.py", "alone.py")
    }


@pytest.mark.parametrize("edited", REACHED_BY)
def test_an_edit_changes_the_id_of_each_script_that_reaches_it_and_of_no_other(edited: str, project: Path) -> None:
    before = ids(project)
    path = project / edited
    path.write_text(path.read_text() + ("\n# edited\n" if edited.endswith(".py") else "edited\n"))
    after = ids(project)
    assert {script for script in before if before[script] != after[script]} == REACHED_BY[edited]


def test_an_edited_docstring_counts(project: Path) -> None:
    before = ids(project)
    (project / "pkg/deep.py").write_text(FILES["pkg/deep.py"].replace("docstring", "sentence"))
    assert ids(project)["build.py"] != before["build.py"]


def test_a_checkout_elsewhere_with_new_file_times_is_the_same_code(project: Path, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "project"
    shutil.copytree(project, elsewhere, copy_function=shutil.copy)
    assert ids(elsewhere) == ids(project)


IMPORTED = """
import json, runpy, sys
from pathlib import Path
found = {}
for script in sorted(Path(sys.argv[1]).glob("*.py")):
    for name in [name for name in sys.modules if name.split(".")[0] == "darkpool"]:
        del sys.modules[name]
    runpy.run_path(str(script))
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == "darkpool"]
    found[script.name] = sorted(module.__file__ for module in modules)
print(json.dumps(found))
"""


def test_what_python_really_imports_is_in_the_closure_of_every_script() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, str(SCRIPTS)],
        env={"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    for script, modules in json.loads(done.stdout).items():
        closure = {str(path) for path in provenance.closure(SCRIPTS / script, SCRIPTS / "darkpool")}
        assert set(modules) <= closure, script


def test_every_data_file_of_the_package_is_reached_by_a_script() -> None:
    package = SCRIPTS / "darkpool"
    data = {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    data = {path for path in data if "__pycache__" not in path.parts}
    reached = {path for script in SCRIPTS.glob("*.py") for path in provenance.closure(script, package)}
    assert data <= reached


def test_an_edit_of_the_page_draws_no_table_again() -> None:
    package = SCRIPTS / "darkpool"
    names = {path.name for path in provenance.closure(SCRIPTS / "build_volumes.py", package)}
    assert "page.py" not in names
    assert "figures.py" not in names
    assert {"regsho.py", "consolidated.py", "volume.py", "tables.py"} <= names


def test_versions_name_what_can_change_a_number() -> None:
    told = provenance.versions()
    assert set(provenance.LIBRARIES) <= told.keys()
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))
