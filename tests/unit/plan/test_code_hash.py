"""An edit runs again what it can change, and nothing else."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from darkpool.plan import code_hash

SCRIPTS = Path(code_hash.__file__).parents[2]

FILES = {
    "build.py": "from pkg import noun\nfrom pkg.helper import f\n",
    "draw.py": "import pkg.show.plots as plots\n",
    "alone.py": "import json\nfrom beside import g\n",
    "beside.py": "def g():\n    pass\n",
    "pkg/__init__.py": '__version__ = "1"\n',
    "pkg/noun.py": "from . import deep\nfrom .vendors.first import client\n",
    "pkg/deep.py": '"""A docstring."""\nfrom .data import read\nfrom . import __version__\n',
    "pkg/data.py": 'from pathlib import Path\nLIST = Path(__file__).with_name("codes.csv")\ndef read():\n    pass\n',
    "pkg/codes.csv": "1,2\n",
    "pkg/helper.py": "def f():\n    from . import late\n",
    "pkg/late.py": "import pkg.noun\n",
    "pkg/vendors/__init__.py": "",
    "pkg/vendors/web.py": "class Client:\n    pass\n",
    "pkg/vendors/first/client.py": "from ..web import Client\nfrom ...archive import store\n",
    "pkg/archive/__init__.py": "from .names import NAMES\n",
    "pkg/archive/names.py": "NAMES = ()\n",
    "pkg/archive/store.py": "if True:\n    import json\n",
    "pkg/show/plots.py": """
from pathlib import Path
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from pkg import noun
_FOLDER = Path(__file__).parent / "templates"
PAGE = _FOLDER / "table.html.j2"
STYLE: Path = Path(__file__).resolve().parents[1] / "house.mplstyle"
FONTS = Path(__file__).with_name("fonts")
""",
    "pkg/house.mplstyle": "font.size: 9\n",
    "pkg/show/templates/table.html.j2": '<style>{% include "table.css" %}</style>\n',
    "pkg/show/templates/table.css": "p {}\n",
    "pkg/show/templates/other.css": "p {}\n",
    "pkg/show/fonts/regular.ttf": "regular",
    "pkg/show/fonts/bold/bold.ttf": "bold",
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
    "pkg/vendors/__init__.py": {"build.py"},
    "pkg/vendors/web.py": {"build.py"},
    "pkg/vendors/first/client.py": {"build.py"},
    "pkg/archive/__init__.py": {"build.py"},
    "pkg/archive/names.py": {"build.py"},
    "pkg/archive/store.py": {"build.py"},
    "pkg/show/plots.py": {"draw.py"},
    "pkg/house.mplstyle": {"draw.py"},
    "pkg/show/templates/table.html.j2": {"draw.py"},
    "pkg/show/templates/table.css": {"draw.py"},
    "pkg/show/templates/other.css": set(),
    "pkg/show/fonts/regular.ttf": {"draw.py"},
    "pkg/show/fonts/bold/bold.ttf": {"draw.py"},
    "pkg/unused.py": set(),
    "build.py": {"build.py"},
    "alone.py": {"alone.py"},
    "beside.py": {"alone.py"},
}
LOST = {
    "from . import gone": "pkg/noun.py, line 1: pkg has no gone",
    "from .gone import x": "pkg/noun.py, line 1: no module pkg.gone",
    "from .vendors import gone": "pkg.vendors has no gone",
    "from .vendors.gone import client": "no module pkg.vendors.gone",
    "from .helper import g": "pkg.helper has no g",
    "import pkg.archive.gone": "no module pkg.archive.gone",
    "import pkg.deep.gone": "no module pkg.deep.gone",
    "from pkg.archive import gone": "pkg.archive has no gone",
    "from .. import helper": "leads out of the package",
    "def f():\n    from .gone import x": "line 2: no module pkg.gone",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .gone import x": "line 3: no module pkg.gone",
    "from importlib import import_module": "hides what is read",
    "import importlib": "hides what is read",
    "from importlib import resources": "hides what is read",
    "from importlib.resources import files": "hides what is read",
    "import pkgutil": "hides what is read",
    "x = __import__('pkg.deep')": "__import__ hides",
    "from pathlib import Path\nX = Path(__file__).with_name('gone.csv')": "found gone.csv",
    "from pathlib import Path\ndef f(n):\n    return Path(__file__).with_name(n)": "line 3: which file from noun.py on",
    "from pathlib import Path\n_F = Path(__file__).parent\nX = _F / f'{1}.csv'": "which file from pkg on",
    "from pathlib import Path\nX = Path(__file__).parent.joinpath('codes.csv')": "which file from pkg on",
    "from pathlib import Path\nX = Path(__file__).parents[3] / 'config.yaml'": "expected a file of the package",
    "import os\nX = os.path.dirname(__file__)": "otherwise than by Path(__file__)",
}


@pytest.fixture
def project(tmp_path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def ids(folder: Path) -> dict[str, str]:
    return {
        script: code_hash.code_id(folder / script, folder / "pkg") for script in ("build.py", "draw.py", "alone.py")
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


@pytest.mark.parametrize(("line", "said"), LOST.items())
def test_what_would_leave_the_hash_in_silence_is_an_error_that_names_file_and_line(
    line: str, said: str, project
) -> None:
    (project / "pkg/noun.py").write_text(f"{line}\n")
    with pytest.raises(code_hash.CodeError, match=re.escape(said)) as caught:
        code_hash.code_id(project / "build.py", project / "pkg")
    assert "pkg/noun.py, line" in str(caught.value)


def test_a_template_that_includes_what_is_not_there_is_an_error(project: Path) -> None:
    (project / "pkg/show/templates/table.css").unlink()
    with pytest.raises(code_hash.CodeError, match=r"table\.html\.j2: includes table\.css"):
        code_hash.code_id(project / "draw.py", project / "pkg")


def test_a_module_that_moved_is_followed_and_an_import_of_its_old_name_is_an_error(project: Path) -> None:
    before = ids(project)
    (project / "pkg/measures").mkdir()
    (project / "pkg/deep.py").rename(project / "pkg/measures/deep.py")
    with pytest.raises(code_hash.CodeError, match="pkg has no deep"):
        ids(project)
    moved = project / "pkg/measures/deep.py"
    moved.write_text(moved.read_text().replace("from .data", "from ..data").replace("from . import", "from .. import"))
    (project / "pkg/noun.py").write_text(
        FILES["pkg/noun.py"].replace("from . import deep", "from .measures import deep")
    )
    after = ids(project)
    assert {script for script in before if before[script] != after[script]} == {"build.py"}
    moved.write_text(moved.read_text() + "# edited\n")
    assert ids(project)["build.py"] != after["build.py"]


def test_two_files_that_change_places_change_the_id(project: Path) -> None:
    before = ids(project)
    (project / "pkg/archive/names.py").write_text(FILES["pkg/archive/store.py"] + "NAMES = ()\n")
    (project / "pkg/archive/store.py").write_text(FILES["pkg/archive/names.py"])
    assert ids(project)["build.py"] != before["build.py"]


def test_what_a_module_keeps_in_its_cache_is_no_source(project: Path) -> None:
    before = ids(project)
    line = 'from pathlib import Path\ndef f(n):\n    return Path(__file__).parent / "__pycache__" / f"{n}.json"\n'
    (project / "pkg/late.py").write_text(line)
    assert ids(project)["build.py"] != before["build.py"]


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
        closure = {str(path) for path in code_hash.closure(SCRIPTS / script, SCRIPTS / "darkpool")}
        assert set(modules) <= closure, script


def test_every_data_file_of_the_package_is_reached_by_a_script() -> None:
    package = SCRIPTS / "darkpool"
    data = {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    data = {path for path in data if "__pycache__" not in path.parts}
    reached = {path for script in SCRIPTS.glob("*.py") for path in code_hash.closure(script, package)}
    assert data <= reached


USED = {
    "market/conditions.csv": {"classify_lit.py", "gather_lit.py", "reconcile_sources.py"},
    "show/figures/style.mplstyle": {"draw_plots.py", "publish_table.py"},
    "show/figures/style.py": {"draw_plots.py", "publish_table.py"},
    "show/figures/table_picture.py": {"publish_table.py"},
    "show/figures/ticker_plot.py": {"draw_plots.py"},
    "show/page/templates/table.css": {"publish_table.py"},
    "show/page/templates/table.html.j2": {"publish_table.py"},
    "show/page/templates/view.js": {"publish_table.py"},
    "show/page/page_html.py": {"publish_table.py"},
    "show/page/rows_csv.py": {"publish_table.py"},
    "show/page/values.py": {
        "publish_table.py",
        "publish_market.py",
        "draw_plots.py",
        "publish_index.py",
        "write_manifest.py",
    },
    "show/page/view.py": {"publish_table.py"},
    "show/index/templates/index.css": {"publish_index.py", "write_manifest.py"},
    "show/index/templates/index.js": {"publish_index.py", "write_manifest.py"},
    "tables/glossary.py": {
        "publish_table.py",
        "publish_market.py",
        "draw_plots.py",
        "publish_index.py",
        "write_manifest.py",
    },
}
"""Files of the package, by the scripts whose rules run again after an edit."""


@pytest.mark.parametrize("name", USED)
def test_an_edit_runs_again_the_rules_that_use_it_alone(name: str) -> None:
    package = SCRIPTS / "darkpool"
    closures = {script.name: code_hash.closure(script, package) for script in SCRIPTS.glob("*.py")}
    assert {script for script, files in closures.items() if package / name in files} == USED[name]
