from __future__ import annotations

from hypothesis import settings

# No deadline: examples may be slow on a busy machine.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")
