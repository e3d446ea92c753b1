"""Write iac/reference.md: tables of the inputs and outputs of the Terraform code.

    python -m scripts.deploy.reference

No parser is needed, because `terraform fmt` has formatted the files: only the arguments of a block
are indented by exactly two spaces.
"""

import re
from typing import NamedTuple

from server.store.paths import ROOT

PAGE = ROOT / "iac/reference.md"
PARTS = ("shared", "environment")
BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
ARGUMENT = re.compile(
    r"^  (\w+)\s*= (.*?)(?=^  [a-z_]+\s*[={]|^  #|^\n|\Z)", re.MULTILINE | re.DOTALL
)
HEAD = """# Inputs and outputs

Written by `make iac-reference` from the `.tf` files. Set an input in `ENV.tfvars`, or as
`TF_VAR_<name>` before `make plan`. Examples are in
[environment/examples](environment/examples).
"""


class Block(NamedTuple):
    """A variable or an output.

    Attributes:
        kind: `variable` or `output`.
        name: its name.
        body: its text.
        arguments: the text of each argument, on one line.
    """

    kind: str
    name: str
    body: str
    arguments: dict[str, str]


def blocks(part: str) -> list[Block]:
    """Return the variables and outputs of one Terraform configuration."""
    text = "".join(path.read_text() for path in sorted((ROOT / "iac" / part).glob("*.tf")))
    return [
        Block(kind, name, body, {key: _line(value) for key, value in ARGUMENT.findall(body)})
        for kind, name, body in BLOCK.findall(text)
    ]


def page() -> str:
    """Return the text of iac/reference.md."""
    text = HEAD
    for part in PARTS:
        inputs = outputs = ""
        for block in blocks(part):
            cells = {key: value.replace("|", "\\|") for key, value in block.arguments.items()}
            sentence = cells["description"].strip('"')
            if block.kind == "output":
                outputs += f"| `{block.name}` | {sentence} |\n"
            else:
                default = f"`{cells['default']}`" if "default" in cells else "required"
                inputs += f"| `{block.name}` | `{cells['type']}` | {default} | {sentence} |\n"
        text += f"\n## {part}\n\n| input | type | default | |\n|---|---|---|---|\n{inputs}"
        text += f"\n| output | |\n|---|---|\n{outputs}"
    return text


def _line(value: str) -> str:
    code = re.sub(r"^\s*#.*$", "", value, flags=re.MULTILINE)
    # Line ends separate the entries of an object.
    code = re.sub(r"(?<=[^{(\[,\s])\n\s*(?=\w)", ", ", code.strip())
    return re.sub(r"\s+", " ", code)


if __name__ == "__main__":
    PAGE.write_text(page())
