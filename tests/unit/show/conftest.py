"""Figures as they were drawn, for what they promise."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from darkpool.show.figures import style


@pytest.fixture
def drawn(monkeypatch):
    """The figure as it was when it was saved: what stands in it and where."""
    seen: dict = {}
    save = style.save

    def look(figure: Figure, *paths: Path) -> None:
        seen["texts"] = [t.get_text() for t in figure.findobj(mpl.text.Text) if t.get_visible() and t.get_text()]
        seen["lines"] = [np.asarray(line.get_ydata(), float) for axes in figure.axes for line in axes.lines]
        seen["panels"] = len(figure.axes)
        seen["figure"] = figure
        save(figure, *paths)

    monkeypatch.setattr(style, "save", look)
    return seen
