"""Package a TorchScript or .pt2 file and the handler into model_store/NAME-VERSION.mar.

torch-model-archiver creates the archive in a temporary folder. The archive is then rewritten with a
fixed order and fixed timestamps, so that the same inputs always give the same bytes. Before it goes
to the store, the settings are checked and the model is loaded from it as a worker would load it.
"""

import importlib.util
import json
import os
import shlex
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from model_archiver import ModelArchiver, ModelArchiverConfig

from scripts.model.examples import examples, provided
from scripts.model.loading import FOLDER, HANDLER, Loaded, is_exported, read_settings
from scripts.model.torchscript import DEFAULT, build
from server.store.archive import MANIFEST, ArchiveError, check_name, file_name
from server.store.paths import ROOT

CONFIG = ROOT / "examples/doubleit/model-config.yaml"
STORE = Path("model_store")
# The earliest timestamp that a zip file can store.
EPOCH = (1980, 1, 1, 0, 0, 0)
# Maximum number of characters of a response to show.
SHOWN = 500


def package(  # noqa: PLR0913, PLR0917 (the parts of an archive)
    model: Path, name: str, version: str, config: Path, store: Path, code: Sequence[Path] = ()
) -> Path:
    """Write the archive to `store` without checking its content, and return its path.

    `config` is the model's model-config.yaml, `code` its own code and the files beside it.

    Raises:
        ArchiveError: the name or version is not valid in a URL, or a file is missing.
    """
    check_name(name, version)
    for file in (model, config, *code):
        if not file.is_file():
            raise ArchiveError(f"{file} is missing")
    store.mkdir(parents=True, exist_ok=True)
    target = store / file_name(name, version)
    with tempfile.TemporaryDirectory() as folder:
        raw = _archive(model, name, version, config, Path(folder), code)
        _write_reproducibly(raw, target)
    return target


def _archive(  # noqa: PLR0913, PLR0917
    model: Path, name: str, version: str, config: Path, folder: Path, code: Sequence[Path]
) -> Path:
    """Run torch-model-archiver in `folder` and return the path of its archive."""
    # The archiver preserves the subfolders in a folder of extra files.
    helpers = folder / "helpers"
    shutil.copytree(HANDLER, helpers, ignore=shutil.ignore_patterns("__pycache__", "handler.py"))
    (helpers / FOLDER).mkdir()
    for file in code:
        shutil.copyfile(file, helpers / FOLDER / file.name)
    # The archiver deletes the folder with the model's name from the temp folder, so give it a
    # separate temp folder. The copies have the names that the files get in the archive.
    copied = folder / CONFIG.name
    copied.write_bytes(config.read_bytes())
    # PyTorch loads a .pt2 file by its suffix.
    serialized = folder / f"{name}.pt{'2' if is_exported(model) else ''}"
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
                config_file=str(copied),
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
    """Copy a zip file, sorted and with fixed times; uncompressed, as zlib's output may vary."""
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


def main(  # noqa: PLR0913, PLR0917 (the command line's options)
    name: Annotated[str, typer.Option(help="the model's name in URLs")] = "doubleit",
    version: Annotated[str, typer.Option(help="the version, such as 1.0")] = "1.0",
    model: Annotated[
        Path | None, typer.Option(help="a TorchScript or .pt2 file; DoubleIt by default")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="its model-config.yaml; by default MODEL's name with .yaml")
    ] = None,
    store: Annotated[
        Path, typer.Option(envvar="MODEL_STORE", help="the model store to write to")
    ] = STORE,
    replace: Annotated[
        bool, typer.Option("--replace", help="replace an archive with other content")
    ] = False,
    code: Annotated[
        Path | None, typer.Option(help="a Python file with preprocess, postprocess or both")
    ] = None,
    files: Annotated[str, typer.Option(help="files that the code needs, separated by commas")] = "",
) -> None:
    """Package a TorchScript or .pt2 file and the handler into STORE/NAME-VERSION.mar.

    Raises:
        ArchiveError: nothing was packaged; one line says why.
    """
    if model is None:
        model = DEFAULT
        build(model)
        config = config or CONFIG
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        beside = _beside(code, files)
        complete = _complete(model, config, work, code)
        made = package(model, name, version, complete, work, beside)
        try:
            loaded = Loaded(made, work / "unpacked")
            tried = _tried(loaded, beside)
        except ArchiveError as error:
            raise ArchiveError(f"{model} cannot be served: {error}") from None
        target = _keep(made, store, replace=replace)
        print(target)
        _describe(loaded, tried)


def _beside(code: Path | None, files: str) -> list[Path]:
    """Return the paths of the code and of the files that it needs.

    Raises:
        ArchiveError: two have the same name, or a module has a name that another module has.
    """
    paths = [*([code] if code else []), *(Path(name) for name in files.split(",") if name)]
    names = [path.name for path in paths]
    for i, path in enumerate(paths):
        if path.name in names[:i]:
            raise ArchiveError(f"FILES has two files of the name {path.name}")
        if path != code and path.suffix == ".py" and importlib.util.find_spec(path.stem):
            raise ArchiveError(f"{path} has the name of another module: rename it")
    return paths


def _complete(model: Path, config: Path | None, folder: Path, code: Path | None) -> Path:
    """Return a settings file in which DoubleIt's values complete the keys for TorchServe."""
    if config is None and (beside := model.with_suffix(".yaml")).is_file():
        config = beside
    found = read_settings(config) if config else {}
    if code:
        found["model"] = {**found.get("model", {}), "code": code.name}
    usual = {key: value for key, value in read_settings(CONFIG).items() if key != "model"}
    # TorchServe reads a name such as `on` as a boolean unless it is quoted, as safe_dump does.
    if config and found.keys() >= usual.keys() and yaml.safe_load(config.read_text()) == found:
        return config
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump({**usual, **found}, sort_keys=False, allow_unicode=True))
    return path


def _keep(made: Path, store: Path, *, replace: bool) -> Path:
    """Copy the archive to the store; refuse to replace one with other content unless `replace`."""
    store.mkdir(parents=True, exist_ok=True)
    target = store / made.name
    if target.is_file() and not replace and target.read_bytes() != made.read_bytes():
        raise ArchiveError(
            f"{target} exists with other content: choose another VERSION, "
            "or replace it with FORCE=1"
        )
    partial = target.with_suffix(".partial")
    shutil.copyfile(made, partial)
    partial.replace(target)
    return target


# What the values of `batch` mean, for the output of the command.
BATCH = {
    "none": "each request is a separate call",
    "rows": "requests are merged along dimension 0",
    "elements": "requests are merged: each number of an output depends on the one at its index",
}


def _tried(loaded: Loaded, beside: Sequence[Path]) -> list[str]:
    """Send the example that the settings name; return the command for it, and the response.

    Raises:
        ArchiveError: the response is an error.
    """
    found = loaded.metadata()
    example = provided(found)
    if not example:
        return []
    body, sent_type = example
    status, answer, content_type = loaded.respond(body, sent_type)
    path = next(path for path in beside if path.read_bytes() == body)
    if status != HTTPStatus.OK:
        raise ArchiveError(f"{path} gets status {status}: {json.loads(answer)['message']}")
    text = "json" in content_type or content_type.startswith("text/")
    shown = answer.decode(errors="replace")[:SHOWN] if text else f"{len(answer)} bytes"
    command = (
        f"curl -H 'Content-Type: {sent_type}' --data-binary "
        f"{shlex.quote(f'@{path}')} {_url()}/predictions/{found['name']}"
    )
    return [command, f"{content_type}: {shown}"]


def _url() -> str:
    return f"http://127.0.0.1:{os.environ.get('PORT') or 8080}"


def _describe(loaded: Loaded, tried: Sequence[str]) -> None:
    """Print the model's inputs and outputs, and commands that send requests to it."""
    found = loaded.metadata()
    if not found["inputs"]:
        print("inputs   any number of tensors, named by the request")
    for title in ("inputs", "outputs"):
        for i, tensor in enumerate(found[title]):
            print(f"{'' if i else title:8} {_line(tensor)}")
    print(f"batch    {found['batch']}: {BATCH[found['batch']]}")
    if "accepts" in found:
        print(f"accepts  {', '.join(found['accepts'])}: read by the code")
    if loaded.sample_error:
        print(f"samples  {loaded.sample_error}")
    asked = examples(found, loaded.accepts)
    version = found["versions"][0]
    print(f"\nmake serve NAME={found['name']} VERSION={version}")
    for example in asked:
        print(example.command(_url()))
    print("\n".join(tried), end="\n" if tried else "")
    if not asked and not tried:
        print(
            "No example: the model failed on each one that was tried. Are datatype and shape right?"
        )


def _line(tensor: Mapping[str, Any]) -> str:
    """Return the line for an input or output."""
    datatypes = "/".join(tensor.get("datatypes") or [tensor.get("datatype") or "any datatype"])
    shape = tensor.get("shape")
    parts = [f"{tensor['name']:16} {datatypes:8} {'any shape' if shape is None else shape}"]
    if tensor.get("optional"):
        parts.append("optional")
    parts += [f"{end} {tensor[end]}" for end in ("minimum", "maximum") if end in tensor]
    return ", ".join(parts)


def run() -> None:
    """Run the command line."""
    try:
        typer.run(main)
    except ArchiveError as error:
        print(f"archive: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    run()
