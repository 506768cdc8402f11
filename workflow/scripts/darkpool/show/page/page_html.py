"""The page of a session as one self-contained HTML file that works from a file: template, style and scripts.

A module of its own, so that an edit of the page's looks draws no figure again.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from urllib.parse import quote

import polars as pl
from jinja2 import DictLoader, Environment, StrictUndefined

from . import view
from .context import NOTHING, Behind, PageContext

_TEMPLATES = Path(__file__).with_name("templates")
TABLE, STYLE = _TEMPLATES / "table.html.j2", _TEMPLATES / "table.css"
SCRIPTS = (
    (_TEMPLATES / "head.js",),
    (
        _TEMPLATES / "values.js",
        _TEMPLATES / "table.js",
        _TEMPLATES / "charts.js",
        _TEMPLATES / "heat.js",
        _TEMPLATES / "details.js",
        _TEMPLATES / "view.js",
    ),
)
"""The page's two scripts, each put together of these in their order: one before the table, one after it."""


def render_html(features: pl.DataFrame, context: PageContext, behind: Behind = NOTHING) -> str:
    """The page: the session's rows as a plain table, and all sessions of `features` for its script to show.

    `features` holds the columns of that table for one or more sessions, none later than `context.session`
    (ValueError). The page asks the network for nothing, runs without its script, and holds no clock.
    """
    content = view.content(features, context, behind)
    scripts = _scripts()
    return (
        _environment()
        .get_template(TABLE.name)
        .render(
            **content,
            css=STYLE.read_text(encoding="utf-8"),
            scripts=scripts,
            script_hashes=[_hash(script) for script in scripts],
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=DictLoader({TABLE.name: TABLE.read_text(encoding="utf-8")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["link"] = lambda path: quote(path, safe="/%")
    return environment


def _scripts() -> list[str]:
    return ["\n".join(path.read_text(encoding="utf-8") for path in paths) for paths in SCRIPTS]


def _hash(script: str) -> str:
    """A script's hash for the content security policy, so that no other script can run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
