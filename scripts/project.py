"""Which version the project is: pyproject.toml is the one place that says so."""

import tomllib

from server.store.paths import ROOT


def version() -> str:
    """Return the product's version, such as 1.0.0."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])
