"""Runs the code that an archive holds beside its model: `preprocess` and `postprocess`.

    preprocess(body: bytes, content_type: str) -> Mapping[str, array or tensor]
    postprocess(outputs: Mapping[str, torch.Tensor], parameters: Mapping[str, str]) -> object

A ValueError of either is that request's 400 with its message; any other exception, and any result
that cannot be used, is that request's 500.
"""

import importlib.util
import inspect
import json
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

import diagnosis
from forms import unsupported
from headers import accepts, media_type
from module import ModelError, from_torch, to_torch
from settings import FILE, ModelSettings
from wire import limits
from wire.bare import Bare
from wire.datatypes import Tensor, kind, natural, wider
from wire.errors import Path as Place
from wire.errors import RequestError, model_failed, shorten
from wire.inputs import accepted, preferred, specs
from wire.interface import JSON, OCTETS, Body, Call, Input, Interface, Outputs, Request
from wire.parse import names_tensors
from wire.rendering import in_shape, write_outputs

# The folder of an archive that holds the code and the files beside it.
FOLDER = "code"
# The code's name among the loaded modules. Its own could be that of a module of the handler.
MODULE = "archive_code"
# Maximum number of characters of a ValueError in a response.
SENTENCE = 500
# What an exception of the code must not end: with SystemExit the worker would end.
FAILURES = (Exception, SystemExit)
_CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+( *; *[\w.+-]+=[\w.+\"-]+)*", re.ASCII)

Shape = tuple[int, ...] | None
Parameters = Mapping[str, str]


class Hooks:
    """The code of an archive.

    Attributes:
        accepts: the content types that `preprocess` reads.
    """

    def __init__(self, folder: Path, settings: ModelSettings, model: Interface) -> None:
        """Import the code; see `load`."""
        self._path = folder / FOLDER / str(settings.code)
        self._model = model
        self.accepts = settings.accepts
        module = self._import()
        self._preprocess = self._function(module, "preprocess", b"", "")
        self._postprocess = self._function(module, "postprocess", {}, {})
        if self._preprocess is None and self._postprocess is None:
            raise ValueError(f"{self._path.name} defines neither preprocess nor postprocess")
        if self.accepts and self._preprocess is None:
            raise ValueError(
                f"{FILE}: model.accepts names content types, but there is no preprocess"
            )
        if self._preprocess and not self.accepts:
            raise ValueError(
                f"{FILE}: set model.accepts to the content types that preprocess reads"
            )

    def reads(self, body: bytes | bytearray, content_type: str) -> bool:
        """Return whether `preprocess` reads a body, and not a format of the API.

        V1 and V2 requests are always tensors. A body without a type is JSON if it begins like it.

        Raises:
            RequestError: nothing accepts the content type.
        """
        media = media_type(content_type) or OCTETS
        is_json = media == JSON or media.endswith("+json")
        if accepts(self.accepts, media):
            return not ((is_json or media == OCTETS) and names_tensors(body))
        if is_json or not self.accepts:
            return False
        if media == OCTETS:
            return body[:64].lstrip()[:1] not in (b"", b"[", b"{")
        raise unsupported(
            f"Content-Type {shorten(media)} is not accepted: send {', '.join(self.accepts)} or "
            f"{JSON}"
        )

    def read(self, body: bytes | bytearray, content_type: str, parameters: Parameters) -> Request:
        """Return the request that `preprocess` makes of a body.

        Raises:
            RequestError: it refuses the body, fails, or returns what the model does not take.
        """
        returned = self._call("preprocess", self._preprocess, bytes(body), content_type)
        try:
            call, shape = self._inputs(returned)
        except (RequestError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 (an object of the code may raise anything)
            raise self._failed("The result of preprocess cannot be used", error) from None
        return _Own(self, call, shape, parameters)

    def answering(self, request: Request, parameters: Parameters) -> Request:
        """Return a request in the bare format as one that `postprocess` answers.

        Only without `preprocess`: otherwise `postprocess` answers what that has read.
        """
        if self._preprocess is None and isinstance(request, Bare):
            return _Own(self, request.calls[0], request.shape, parameters)
        return request

    def answer(self, outputs: Outputs, parameters: Parameters) -> Body:
        """Return what `postprocess` makes of the outputs; without it, the outputs as JSON.

        Raises:
            RequestError: it refuses the parameters, fails, or returns what is not a response.
        """
        if self._postprocess is None:
            text = bytearray()
            write_outputs(text, outputs, "$", self._model, None)
            return Body(text)
        # Copies, because the memory may be the model's or that of other requests.
        own = {
            name: to_torch(Tensor(output.array.copy(), output.datatype))
            for name, output in outputs.items()
        }
        result = self._call("postprocess", self._postprocess, own, parameters)
        match result:
            case None:
                raise model_failed("postprocess returned None")
            case (bytes() as data, str() as content_type):
                if not _CONTENT_TYPE.fullmatch(content_type):
                    raise model_failed("postprocess returned bytes without a valid content type")
                return Body(data, content_type=content_type)
        try:
            json_text = json.dumps(
                result, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
            )
            return Body(json_text.encode())
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 (an object of the code may raise anything)
            raise self._failed("The result of postprocess is no JSON", error) from None

    def _import(self) -> ModuleType:
        sys.path.append(str(self._path.parent))
        spec = importlib.util.spec_from_file_location(MODULE, self._path)
        if spec is None or spec.loader is None or not self._path.is_file():
            raise ValueError(
                f"{FILE}: model.code is {self._path.name}, which is not in the archive"
            )
        sys.modules[MODULE] = module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except FAILURES as error:
            raise ValueError(
                f"{self._path.name} cannot be imported: {diagnosis.cause(error)}{self._line(error)}"
            ) from None
        return module

    def _function(
        self, module: ModuleType, name: str, *arguments: object
    ) -> Callable[..., object] | None:
        """Return a function of the code, or None; refuse one that does not take `arguments`."""
        function: Callable[..., object] | None = getattr(module, name, None)
        if function is None:
            return None
        try:
            inspect.signature(function).bind(*arguments)
        except (TypeError, ValueError) as error:
            signatures = {"preprocess": "body, content_type", "postprocess": "outputs, parameters"}
            raise ValueError(
                f"{self._path.name}: {name} must be a function of ({signatures[name]}): {error}"
            ) from None
        return function

    def _call(self, name: str, function: Any, *arguments: object) -> object:  # noqa: ANN401
        try:
            result: object = function(*arguments)
        except MemoryError:
            raise
        except FAILURES as error:
            sentence = _sentence(error) if isinstance(error, ValueError) else ""
            refused = RequestError(sentence) if sentence else None
            raise refused or self._failed(f"{name} failed", error) from None
        return result

    def _failed(self, what: str, error: BaseException) -> RequestError:
        # Without the message, which may contain data of the client, and is logged.
        return model_failed(f"{what}: {type(error).__name__}{self._line(error)}")

    def _line(self, error: BaseException) -> str:
        """Return the last place in the code that an exception passed, if it did."""
        folder = str(self._path.parent)
        places = [
            (frame.f_code.co_filename, line)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if frame.f_code.co_filename.startswith(folder)
        ]
        return f" in line {places[-1][1]} of {Path(places[-1][0]).name}" if places else ""

    def _inputs(self, returned: object) -> tuple[Call, Shape]:
        """Return what `preprocess` returned as a call, and the shape of its outputs."""
        if not isinstance(returned, Mapping):
            raise model_failed(
                f"preprocess returned {type(returned).__name__}, not a dict of inputs"
            )
        try:
            used = specs(returned, self._model, "the result of preprocess")
        except RequestError as error:
            raise model_failed(str(error)) from None
        call = {spec.name: _tensor(returned[spec.name], spec) for spec in used}
        if self._model.batch != "elements":
            return call, None
        ((name, only),) = call.items()
        return {name: Tensor(only.array.reshape(-1), only.datatype)}, only.array.shape


def load(folder: Path, settings: ModelSettings, model: Interface) -> Hooks | None:
    """Return the code of the archive in `folder`, or None if it has none.

    Raises:
        ValueError: the code cannot be imported, or does not match `settings`.
    """
    if settings.code is None and settings.accepts:
        raise ValueError(f"{FILE}: model.accepts needs code that reads these types: set CODE")
    return None if settings.code is None else Hooks(folder, settings, model)


class _Own:
    """A request that the code answers."""

    def __init__(self, hooks: Hooks, call: Call, shape: Shape, parameters: Parameters) -> None:
        self.calls: Sequence[Call] = (call,)
        self._hooks, self._shape, self._parameters = hooks, shape, parameters

    def render(self, results: Sequence[Outputs], _model: Interface) -> Body:
        (outputs,) = results
        if self._shape is not None:
            outputs = {name: in_shape(output, self._shape) for name, output in outputs.items()}
        return self._hooks.answer(outputs, self._parameters)


def _sentence(error: BaseException) -> str:
    """Return the message of an exception on one line; empty if it has none."""
    try:
        return " ".join(str(error).split())[:SENTENCE]
    except Exception:  # noqa: BLE001 (a class of the code may raise anything)
        return ""


def _plain(value: object) -> object:
    """Return a number or array of NumPy or PyTorch as JSON's."""
    if isinstance(value, (np.generic, np.ndarray, torch.Tensor)):
        return value.tolist()
    raise TypeError


def _tensor(value: object, spec: Input) -> Tensor:
    """Return an array or tensor of `preprocess` in the datatype that an input takes.

    Raises:
        RequestError: 400 if numbers or the shape are not accepted, which the body decides; 500 if
            it is no array of numbers of that kind, which the code decides.
    """
    copied = _copied(value, spec.name)
    datatype = wider(copied.datatype, spec.datatypes) or preferred(copied.datatype, spec)
    if kind(copied.datatype) + kind(datatype) not in ("ii", "ff", "bb", "if"):
        raise model_failed(
            f"preprocess returned {copied.datatype} for {spec.name}, which takes {datatype}"
        )
    place = Place(f"the input {spec.name}")
    shape = copied.array.shape
    return accepted(copied, datatype, spec, place.flat(shape), shape, place.prefix)


def _copied(value: object, name: str) -> Tensor:
    """Return a copy, because the code may use its array again, and the model may write to it."""
    limits.check_array(name, getattr(value, "nbytes", 0))
    if isinstance(value, torch.Tensor):
        try:
            converted = from_torch(value.detach())
        except ModelError:
            raise model_failed(f"preprocess returned {value.dtype} for {name}") from None
        return Tensor(np.array(converted.array, order="C"), converted.datatype)
    try:
        array = np.array(value, order="C")
        return natural(array.astype(array.dtype.newbyteorder("="), copy=False))
    except (TypeError, ValueError, KeyError):
        raise model_failed(
            f"preprocess returned {type(value).__name__} for {name}, not an array of numbers"
        ) from None
