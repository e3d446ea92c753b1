"""Write iac/reference.md: tables of all inputs and outputs of the Terraform code.

    python -m scripts.deploy.reference

No parser is needed, because `terraform fmt` has formatted the files: only the arguments of a block
are indented by exactly two spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from server.store.paths import ROOT

PAGE = ROOT / "iac/reference.md"
PARTS = ("shared", "environment", "modules/service")
BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
ARGUMENT = re.compile(
    r"^  (\w+)\s*= (.*?)(?=^  [a-z_]+\s*[={]|^  #|^\n|\Z)", re.MULTILINE | re.DOTALL
)
HEAD = """# Inputs and outputs

Written by `make iac-reference` from the `.tf` files. Set an input in `ENV.tfvars`, or as
`TF_VAR_<name>` before `make plan`. Complete sets of values are in
[environment/examples](environment/examples).
"""


class Block(NamedTuple):
    """A variable or an output.

    Attributes:
        kind: `variable` or `output`.
        name: its name.
        arguments: the text of each argument, on one line.
    """

    kind: str
    name: str
    arguments: dict[str, str]


def blocks(folder: Path) -> Iterator[Block]:
    """Yield the variables and outputs of one Terraform configuration."""
    for path in sorted(folder.glob("*.tf")):
        for kind, name, body in BLOCK.findall(path.read_text()):
            yield Block(kind, name, {key: _line(value) for key, value in ARGUMENT.findall(body)})


def page() -> str:
    """Return the text of iac/reference.md."""
    text = HEAD
    for part in PARTS:
        found = list(blocks(ROOT / "iac" / part))
        text += f"\n## {part}\n\n| input | type | default | |\n|---|---|---|---|\n"
        for block in found:
            if block.kind == "variable":
                default = (
                    f"`{_cell(block.arguments['default'])}`"
                    if "default" in block.arguments
                    else "required"
                )
                text += (
                    f"| `{block.name}` | `{_cell(block.arguments['type'])}` | {default} "
                    f"| {_sentence(block)} |\n"
                )
        text += "\n| output | |\n|---|---|\n"
        for block in found:
            if block.kind == "output":
                text += f"| `{block.name}` | {_sentence(block)} |\n"
    return text


def _line(value: str) -> str:
    code = re.sub(r"^\s*#.*$", "", value, flags=re.MULTILINE)
    # Line ends separate the entries of an object.
    code = re.sub(r"(?<=[^{(\[,\s])\n\s*(?=\w)", ", ", code.strip())
    return re.sub(r"\s+", " ", code)


def _cell(code: str) -> str:
    return code.replace("|", "\\|")


def _sentence(block: Block) -> str:
    return _cell(block.arguments["description"].strip('"'))


def main() -> None:
    """Write iac/reference.md."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
