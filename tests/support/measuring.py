"""Coverage of child processes, which makes them slower: only where a test asks for it."""

import os

# The environment variables that turn on coverage in a child process.
COVERAGE: dict[str, str] = {}


def hold_back() -> None:
    """Move the variables from the environment, which every child inherits, to COVERAGE."""
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        COVERAGE[name] = os.environ.pop(name)
