"""Loads the model of an archive as a worker does, to get its metadata and to try requests.

TorchServe's `Service` reads the manifest and the settings; the handler does the rest.
"""

import json
import logging
import sys
import zipfile
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ts.context import RequestProcessor
from ts.service import Service

from server.store.archive import MANIFEST, ArchiveError
from server.store.paths import ROOT

HANDLER = ROOT / "handler"
# The handler's modules import each other by their names in an archive, without a package.
if str(HANDLER) not in sys.path:
    sys.path.insert(0, str(HANDLER))
import diagnosis  # noqa: E402 (from that folder)
import settings  # noqa: E402
from diagnosis import is_exported  # noqa: E402
from handler import TensorHandler  # noqa: E402
from hooks import FOLDER  # noqa: E402

__all__ = ["FOLDER", "HANDLER", "Loaded", "is_exported", "read_settings"]


def read_settings(path: Path) -> dict[str, Any]:
    """Return the content of a settings file.

    Raises:
        ArchiveError: a worker would refuse the file; the one-line message gives file and reason.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content: dict[str, Any] = settings.load(text)
        settings.read(content)
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ArchiveError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from None
    except ValueError as error:
        raise ArchiveError(str(error).replace(settings.FILE, str(path), 1)) from None
    return content


class Loaded:
    """A loaded model."""

    def __init__(self, archive: Path, folder: Path) -> None:
        """Unpack `archive` into `folder` and load its model.

        Raises:
            ArchiveError: a worker could not load it; the one-line message gives the reason.
        """
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
        manifest = json.loads((folder / MANIFEST).read_text())
        name = manifest["model"]["modelName"]
        self._handler = TensorHandler()
        service = Service(name, str(folder), manifest, self._handler.handle, None, 1)
        self._context = service.context
        try:
            self._handler.initialize(self._context)
        except ValueError as error:
            raise ArchiveError(" ".join(str(error).split())) from None
        except Exception as error:  # noqa: BLE001 (any error would stop a worker)
            raise ArchiveError(diagnosis.cause(error)) from None

    def metadata(self) -> Mapping[str, Any]:
        """Return the metadata that the server returns at /predictions/NAME/VERSION/metadata."""
        return self._handler.describe_handle()

    @property
    def sample_error(self) -> str | None:
        """Why the model was not run on all samples; None if it was, or there were none."""
        return self._handler.model.sample_error

    def accepts(self, body: bytes) -> bool:
        """Return whether the model responds to JSON with status 200."""
        return self.respond(body, "application/json")[0] == HTTPStatus.OK

    def respond(self, body: bytes, content_type: str) -> tuple[int, bytes, str]:
        """Return the status, body and content type of a response; log nothing on failure."""
        processor = RequestProcessor({"Content-Type": content_type})
        self._context.request_processor = [processor]
        logging.disable()
        try:
            (answer,) = self._handler.handle([{"body": body}], self._context)
        finally:
            logging.disable(logging.NOTSET)
        status: int = processor.get_response_status_code()
        return status, answer, processor.get_response_headers()["content-type"]
