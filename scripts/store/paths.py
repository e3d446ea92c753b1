"""Where the project's files lie. The one place that derives the root folder from a file's place."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL_STORE = ROOT / "model_store"
