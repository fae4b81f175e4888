"""Sphinx: the interface by autodoc, the rest in Markdown."""

from __future__ import annotations

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
