"""Sphinx's configuration: `nox -s docs` builds with warnings as errors."""

import sys
from pathlib import Path

from telemetry_kit import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "telemetry_kit"
author = "the telemetry_kit maintainers"
copyright = "2026, the telemetry_kit maintainers"  # noqa: A001 - Sphinx's name
release = version = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_parser", "sphinx_copybutton", "catalogue", "contents"]
exclude_patterns = ["_build", "_ext", "examples"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
default_role = "code"  # docstrings are read in editors: one backtick is enough
python_maximum_signature_line_length = 88

# A console's block is copied without its prompt and its output.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"telemetry_kit {release}"
html_theme_options = {"navigation_with_keys": True}
html_static_path: list[str] = []
