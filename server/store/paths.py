"""Paths of the project. Other modules import the root folder from here."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL_STORE = ROOT / "model_store"
