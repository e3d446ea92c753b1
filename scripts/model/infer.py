"""Load a TorchScript file and run it without a server or handler.

python -m scripts.model.infer [FILE]
"""

import sys
from pathlib import Path

import torch

from scripts.model.torchscript import DEFAULT, build


def main() -> None:
    """Print the model's output for [1, 2, 3, 4]."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    if not path.exists() and path == DEFAULT:
        build(path)
    model = torch.jit.load(str(path))
    with torch.inference_mode():
        print(model(torch.tensor([1, 2, 3, 4])))


if __name__ == "__main__":
    main()
