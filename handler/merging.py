"""Runs the model for the requests of a batch, in as few calls as the setting `batch` allows.

An error in one call never affects another: calls that cannot share a call of the module are run
one by one.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np

from module import ModelError
from wire.datatypes import Tensor
from wire.interface import Call, Interface, Outputs, Request

Run = Callable[[Call], Outputs]
Result = Outputs | ModelError
# Places of requests in a batch, with the results of all calls of the request there.
Finished = list[tuple[int, Sequence[Result]]]
_NOT_RUN = ModelError("not run")


class Runner:
    """Runs the calls of requests."""

    def __init__(self, module: Run, interface: Interface, most_rows: int | None = None) -> None:
        """Run calls with `module`, which may raise any exception.

        With the setting `elements` or `rows`, calls that fit together share one call of the module,
        of at most `most_rows` rows.
        """
        self._module = module
        self._batch = interface.batch
        self._numbers = frozenset(spec.name for spec in interface.inputs if spec.number)
        self._most_rows = most_rows

    def run(self, requests: Sequence[Request]) -> Iterator[Finished]:
        """Run all calls; after each call of the module yield the requests that are finished."""
        if len(requests) == 1 and len(requests[0].calls) == 1:
            yield [(0, [self._alone(requests[0].calls[0])])]
            return
        owners = [k for k, request in enumerate(requests) for _ in request.calls]
        missing = [len(request.calls) for request in requests]
        ends = [0, *accumulate(missing)]
        results: list[Result] = [_NOT_RUN] * len(owners)
        if 0 in missing:
            yield [(k, ()) for k, count in enumerate(missing) if not count]
        calls = [call for request in requests for call in request.calls]
        for members, parts in self._run(calls):
            finished: Finished = []
            for i, part in zip(members, parts, strict=True):
                results[i] = part
                k = owners[i]
                missing[k] -= 1
                if not missing[k]:
                    finished.append((k, results[ends[k] : ends[k + 1]]))
            yield finished

    def _run(self, calls: Sequence[Call]) -> Iterator[tuple[Sequence[int], Sequence[Result]]]:
        """Yield places in `calls` and their results, after each call of the module."""
        groups: dict[Hashable, list[int]] = {}
        for i, call in enumerate(calls):
            groups.setdefault(i if self._batch == "none" else self._key(call), []).append(i)
        shared = list(groups.values())
        if self._most_rows is not None:
            shared = [part for group in shared for part in self._split(group, calls)]
        for group in shared:
            parts = self._merged([calls[i] for i in group]) if len(group) > 1 else None
            if parts is None:
                for i in group:
                    yield (i,), [_copy(self._alone(calls[i]))]
            else:
                yield group, parts if len(shared) == 1 else [_copy(part) for part in parts]

    def _key(self, call: Call) -> Hashable:
        """Return the key that calls must have in common to be merged."""
        if self._batch == "elements":
            (tensor,) = call.values()
            return tensor.datatype
        return tuple(
            (name, tensor.datatype, tensor.array.item())
            if name in self._numbers
            else (name, tensor.datatype, tensor.array.shape[1:], tensor.array.ndim)
            for name, tensor in call.items()
        )

    def _split(self, group: Sequence[int], calls: Sequence[Call]) -> Iterator[list[int]]:
        """Split calls that fit together into parts of at most as many rows as the module takes."""
        part: list[int] = []
        rows = 0
        for i in group:
            count = max(len(t.array) if t.array.ndim else 1 for t in calls[i].values())
            if part and rows + count > (self._most_rows or 0):
                yield part
                part, rows = [], 0
            part.append(i)
            rows += count
        yield part

    def _alone(self, call: Call) -> Result:
        try:
            return self._module(call)
        except ModelError as error:
            return error
        except Exception as error:  # noqa: BLE001 (must not affect other requests)
            return ModelError(f"The model failed: {type(error).__name__}")

    def _merged(self, calls: Sequence[Call]) -> Sequence[Outputs] | None:
        """Run calls as one; return None if that fails or the outputs cannot be split."""
        try:
            sizes = self._sizes(calls)
            if sizes is None:
                return None
            merged = {
                name: tensor
                if name in self._numbers
                else Tensor(np.concatenate([call[name].array for call in calls]), tensor.datatype)
                for name, tensor in calls[0].items()
            }
            outputs = self._module(merged)
        except Exception:  # noqa: BLE001 (the calls are then run one by one)
            return None
        ends = [*accumulate(sizes)]
        if any(tensor.array.shape[:1] != (ends[-1],) for tensor in outputs.values()):
            return None
        parts: list[dict[str, Tensor]] = [{} for _ in calls]
        for name, tensor in outputs.items():
            for part, (start, end) in zip(parts, pairwise([0, *ends]), strict=True):
                part[name] = Tensor(tensor.array[start:end], tensor.datatype)
        return parts

    def _sizes(self, calls: Sequence[Call]) -> list[int] | None:
        """Return the number of rows of each call; None if the inputs of a call differ in it."""
        names = [name for name in calls[0] if name not in self._numbers]
        if not names or not all(calls[0][name].array.ndim for name in names):
            return None
        sizes = [len(call[names[0]].array) for call in calls]
        for name in names[1:]:
            if sizes != [len(call[name].array) for call in calls]:
                return None
        return sizes


def _copy(result: Result) -> Result:
    """Return a copy of a result, because the module may reuse its output memory."""
    if isinstance(result, ModelError):
        return result
    try:
        return {
            name: Tensor(tensor.array.copy(), tensor.datatype) for name, tensor in result.items()
        }
    except MemoryError:
        return ModelError("The model failed: MemoryError")
