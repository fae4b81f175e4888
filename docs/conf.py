"""Sphinx: the interface by autodoc, the rest in Markdown."""

from __future__ import annotations

from sphinx.application import Sphinx

import textrnn

project = "textrnn"
author = "the textrnn contributors"
copyright = "2026, the textrnn contributors"
version = release = textrnn.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"textrnn {release}"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
myst_heading_anchors = 3


def draw_as_written(
    app: object, what: str, name: str, of: object, options: object, lines: list[str]
) -> None:
    """Below its first line, show a module's docstring as it is written: most draw a map."""
    if what == "module" and any(lines[1:]):
        lines[1:] = ["", "::", "", *(f"   {line}" for line in lines[1:]), ""]


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", draw_as_written)
