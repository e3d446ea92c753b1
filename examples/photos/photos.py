"""Images in, labels out: the code that the archive holds beside the model."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

SIZE = (32, 32)
LABELS = Path(__file__).with_name("labels.txt").read_text().split()
# A small file may hold an image that takes gigabytes of memory.
MEGAPIXELS = 25


def preprocess(body: bytes, content_type: str) -> Mapping[str, np.ndarray]:  # noqa: ARG001
    """Return an image of any format and size as the model's input."""
    try:
        image = Image.open(io.BytesIO(body))
        small = image.width * image.height <= MEGAPIXELS * 1_000_000
        pixels = np.asarray(image.convert("RGB").resize(SIZE), np.float32) if small else None
    except Exception:  # noqa: BLE001 (a damaged file makes Pillow raise errors of many kinds)
        raise ValueError("This is not an image") from None
    if pixels is None:
        raise ValueError(f"The image has more than {MEGAPIXELS} megapixels")
    return {"image": pixels.transpose(2, 0, 1)[np.newaxis] / 255}


def postprocess(outputs: Mapping[str, Tensor], parameters: Mapping[str, str]) -> object:
    """Return the best labels: one, or as many as the form field `top` says."""
    top = int(parameters.get("top", 1))
    found = outputs["probabilities"][0].sort(descending=True)
    pairs = list(zip(found.indices.tolist(), found.values.tolist(), strict=True))
    return [{"label": LABELS[i], "probability": round(p, 2)} for i, p in pairs[:top]]
