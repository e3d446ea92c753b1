"""Compile the PyTorch module to TorchScript, save it, and show its code.

python -m scripts.model.torchscript [FILE]
"""

import sys
import tempfile
from pathlib import Path

import torch

from examples.doubleit.model import DoubleIt

DEFAULT = Path("build/doubleit.pt")


def build(path: Path) -> torch.jit.ScriptModule:
    """Save DoubleIt as TorchScript; every build gives the same bytes."""
    module = torch.jit.script(DoubleIt().eval())
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, path.name)
        torch.jit.save(module, str(raw))
        _without_source_positions(raw, path)
    return module


def _without_source_positions(raw: Path, path: Path) -> None:
    """Copy a TorchScript file without its debug records, which contain local paths."""
    reader = torch._C.PyTorchFileReader(str(raw))
    writer = torch._C.PyTorchFileWriter(str(path))
    # The writer adds these records itself.
    own = ("version", "byteorder", ".data/serialization_id")
    for record in reader.get_all_records():
        if record not in own and not record.endswith(".debug_pkl"):
            data = reader.get_record(record)
            writer.write_record(record, data, len(data))
    writer.write_end_of_file()


def main() -> None:
    """Build the file and print its code and an example of input and output."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    module = build(path)
    example = torch.tensor([1, 2, 3, 4])
    print(f"{path}, TorchScript of {DoubleIt.__name__}\n\n{module.code}")
    print(f"input   {example}\noutput  {module(example)}")


if __name__ == "__main__":
    main()
