"""Package a TorchScript file and the handler into model_store/NAME-VERSION.mar.

torch-model-archiver makes the archive; it is then written once more in a fixed order with fixed
times, so that the same inputs give the same bytes whenever and wherever they are packaged.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated

import typer
import yaml
from model_archiver import ModelArchiver, ModelArchiverConfig

from scripts.model.torchscript import DEFAULT, build
from scripts.store.archive import MANIFEST, NAME, VERSION, file_name
from scripts.store.paths import ROOT

HANDLER = ROOT / "handler"
CONFIG = HANDLER / "model-config.yaml"
STORE = Path("model_store")
# The earliest time that a zip file can hold.
EPOCH = (1980, 1, 1, 0, 0, 0)


def package(model: Path, name: str, version: str, config: Path, store: Path) -> Path:
    """Write the archive and return its path.

    Raises:
        typer.BadParameter: the name or version cannot stand in an address, or a file is missing.
    """
    if not NAME.fullmatch(name):
        raise typer.BadParameter(
            f"{name!r}: letters, digits, dots and underscores", param_hint="name"
        )
    if not VERSION.fullmatch(version):
        raise typer.BadParameter(f"{version!r}: digits and dots, such as 2.0", param_hint="version")
    for file in (model, config):
        if not file.is_file():
            raise typer.BadParameter(f"{file} is missing")
    store.mkdir(parents=True, exist_ok=True)
    target = store / file_name(name, version)
    with tempfile.TemporaryDirectory() as folder:
        raw = _archive(model, name, version, config, Path(folder))
        partial = target.with_suffix(".partial")
        _write_reproducibly(raw, partial)
        partial.replace(target)
    return target


def _archive(model: Path, name: str, version: str, config: Path, folder: Path) -> Path:
    """Run torch-model-archiver in `folder`; return the archive that it made."""
    # The archiver keeps the sub-folders of a folder of extra files.
    helpers = folder / "helpers"
    shutil.copytree(
        HANDLER, helpers, ignore=shutil.ignore_patterns("__pycache__", "handler.py", CONFIG.name)
    )
    # The archiver removes a folder named after the model from the temp folder: give it its own,
    # and copies under the names that the archive is to hold.
    settings = folder / CONFIG.name
    settings.write_bytes(config.read_bytes())
    serialized = folder / f"{name}.pt"
    serialized.write_bytes(model.read_bytes())
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        ModelArchiver.generate_model_archive(
            ModelArchiverConfig(
                model_name=name,
                version=version,
                serialized_file=str(serialized),
                handler=str(HANDLER / "handler.py"),
                extra_files=str(helpers),
                config_file=str(settings),
                export_path=str(folder),
                runtime="python",
                archive_format="default",
                force=True,
            )
        )
    finally:
        tempfile.tempdir = before
    return folder / f"{name}.mar"


def _write_reproducibly(raw: Path, target: Path) -> None:
    """Copy a zip file in sorted order, without times; stored, because deflate is zlib's choice."""
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(target, "w") as archive:
        for name in sorted(item for item in source.namelist() if not item.endswith("/")):
            data = source.read(name)
            if name == MANIFEST:
                manifest = json.loads(data)
                manifest["createdOn"] = "01/01/1980 00:00:00"
                data = json.dumps(manifest, indent=2, sort_keys=True).encode()
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, data)


def main(
    name: Annotated[str, typer.Option(help="the model's name in addresses")] = "doubleit",
    version: Annotated[str, typer.Option(help="the version, such as 1.0")] = "1.0",
    model: Annotated[
        Path | None, typer.Option(help="a TorchScript file; DoubleIt by default")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="its model-config.yaml; by default MODEL's name with .yaml")
    ] = None,
    store: Annotated[Path, typer.Option(help="the folder that it goes to")] = STORE,
) -> None:
    """Package a TorchScript file and the handler into STORE/NAME-VERSION.mar."""
    with tempfile.TemporaryDirectory() as folder:
        if model is None:
            model = DEFAULT
            build(model)
            config = config or CONFIG
        elif config is None and model.with_suffix(".yaml").is_file():
            config = model.with_suffix(".yaml")
        elif config is None:
            config = _careful_config(Path(folder))
            print(f"no {model.with_suffix('.yaml')}: each request is a call of its own")
        target = package(model, name, version, config, store)
    print(f"{target}, {target.stat().st_size} bytes")


def _careful_config(folder: Path) -> Path:
    """Return DoubleIt's server settings without what only DoubleIt can promise."""
    settings = yaml.safe_load(CONFIG.read_text())
    del settings["model"]
    path = folder / "careful.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def run() -> None:
    """Run the command line."""
    typer.run(main)


if __name__ == "__main__":
    run()
