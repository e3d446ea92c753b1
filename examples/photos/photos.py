"""Images in, labels out: the code that the archive holds beside the model."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

SIZE = (32, 32)
LABELS = Path(__file__).with_name("labels.txt").read_text().split()


def preprocess(body: bytes, content_type: str) -> Mapping[str, np.ndarray]:  # noqa: ARG001
    """Return an image of any format and size as the model's input."""
    try:
        image = Image.open(io.BytesIO(body)).convert("RGB").resize(SIZE)
    except (OSError, Image.DecompressionBombError):
        raise ValueError("This is not an image") from None
    channels_first = np.asarray(image, np.float32).transpose(2, 0, 1) / 255
    return {"image": channels_first[np.newaxis]}


def postprocess(outputs: Mapping[str, Tensor], parameters: Mapping[str, str]) -> object:
    """Return the best labels: one, or as many as the form field `top` says."""
    top = int(parameters.get("top", 1))
    found = outputs["probabilities"][0].sort(descending=True)
    pairs = list(zip(found.indices.tolist(), found.values.tolist(), strict=True))
    return [{"label": LABELS[i], "probability": round(p, 2)} for i, p in pairs[:top]]
