"""Settings of the documentation site; `make docs` builds it into ``docs/_build/html``.

Nothing here runs the code blocks of the pages: ``tests/repo/test_readme.py`` runs them, those of
the README and of the other pages alike, and compares what they print.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for site_parts

import strongltn

project = "strongltn"
author = "The strongltn developers"
release = strongltn.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
    "site_parts",
]
exclude_patterns = ["_build"]
nitpicky = True  # a reference that leads nowhere is an error; site_parts says which names are none

html_theme = "furo"
html_title = "strongltn"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_copyright = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

bibtex_bibfiles = ["../strongltn/references.bib"]
bibtex_default_style = "plain"

default_role = "py:obj"  # single backticks in docstrings are names
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_custom_sections = ["Source", "Laws"]
napoleon_use_param = False  # types are phrases, such as "float > 0", and no references
napoleon_use_rtype = False
python_maximum_signature_line_length = 80
add_module_names = False
