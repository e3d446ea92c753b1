"""Merges the calls of a batch into fewer calls of the module, as the setting `batch` allows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import accumulate, chain, pairwise

import numpy as np

from module import ModelError
from wire.datatypes import Tensor
from wire.interface import Batch
from wire.request import Call, Outputs, Request

Run = Callable[[Call], Outputs]
Result = Outputs | ModelError
# Some of the results at a time, with the places of their calls.
Results = Iterator[tuple[Sequence[int], Sequence[Result]]]
_NOT_RUN = ModelError("not run")


def run_requests(
    model: Callable[[Sequence[Call]], Results], requests: Sequence[Request]
) -> Iterator[Sequence[tuple[int, Sequence[Result]]]]:
    """Run the requests' calls; after each call of the model yield the requests that are done.

    Requests that an exception leaves over are run alone.

    Yields:
        Places in `requests`, and the results of all calls of the request there.
    """
    missing = dict(enumerate(requests))
    try:
        for done in _results(model, requests):
            for k, _ in done:
                del missing[k]
            yield done
    except Exception:  # noqa: BLE001 (each request is then run alone)
        for k, request in missing.items():
            try:
                ((_, results),) = chain.from_iterable(_results(model, [request]))
            except Exception as error:  # noqa: BLE001 (must not affect other requests)
                failed = ModelError(f"The model failed: {type(error).__name__}")
                results = [failed] * len(request.calls)
            yield [(k, results)]


def _results(
    model: Callable[[Sequence[Call]], Results], requests: Sequence[Request]
) -> Iterator[Sequence[tuple[int, Sequence[Result]]]]:
    owners = [k for k, request in enumerate(requests) for _ in request.calls]
    missing = [len(request.calls) for request in requests]
    ends = [0, *accumulate(missing)]
    found: list[Result] = [_NOT_RUN] * len(owners)
    if 0 in missing:
        yield [(k, ()) for k, count in enumerate(missing) if not count]
    for calls, results in model([call for each in requests for call in each.calls]):
        done = []
        for call, result in zip(calls, results, strict=True):
            found[call] = result
            k = owners[call]
            missing[k] -= 1
            if not missing[k]:
                done.append((k, found[ends[k] : ends[k + 1]]))
        yield done


def run(
    module: Run,
    calls: Sequence[Call],
    batch: Batch,
    numbers: frozenset[str],
    most_rows: int | None = None,
) -> Results:
    """Run all calls; yield the places and results of those that are done, after each module call.

    A result is the call's outputs, or the error that the module raised on it.

    Args:
        module: runs one call and returns its outputs; raises ModelError.
        calls: the calls of one batch. An error in one does not affect the others.
        batch: with `elements` and `rows`, calls that fit together share one call of the module.
        numbers: names of the inputs that are numbers, not tensors.
        most_rows: the most rows that the module takes at once; None for no limit.
    """
    if len(calls) == 1:
        yield (0,), [_alone(module, calls[0])]
        return
    groups: dict[Hashable, list[int]] = {}
    for i, call in enumerate(calls):
        key = i if batch == "none" else _key(call, batch, numbers)
        groups.setdefault(key, []).append(i)
    shared = list(groups.values())
    if most_rows is not None:
        shared = [part for members in shared for part in _within(members, calls, most_rows)]
    for members in shared:
        own = [calls[i] for i in members]
        parts = _together(module, own, numbers) if len(own) > 1 else None
        if parts is None:
            for i in members:
                yield (i,), [_kept(_alone(module, calls[i]))]
        else:
            yield members, parts if len(shared) == 1 else [_kept(part) for part in parts]


def _within(members: Sequence[int], calls: Sequence[Call], most_rows: int) -> Iterator[list[int]]:
    """Split calls that fit together into groups of at most `most_rows` rows."""
    group: list[int] = []
    rows = 0
    for i in members:
        count = max(len(each.array) if each.array.ndim else 1 for each in calls[i].values())
        if group and rows + count > most_rows:
            yield group
            group, rows = [], 0
        group.append(i)
        rows += count
    yield group


def _key(call: Call, batch: Batch, numbers: frozenset[str]) -> Hashable:
    """Return the key that calls must have in common to be merged."""
    if batch == "elements":
        (tensor,) = call.values()
        return tensor.datatype
    return tuple(
        (name, tensor.datatype, tensor.array.item())
        if name in numbers
        else (name, tensor.datatype, tensor.array.shape[1:], tensor.array.ndim)
        for name, tensor in call.items()
    )


def _alone(module: Run, call: Call) -> Result:
    try:
        return module(call)
    except ModelError as error:
        return error


def _kept(result: Result) -> Result:
    """Return a copy of a result, because the module may reuse its output memory."""
    if isinstance(result, ModelError):
        return result
    return {name: Tensor(each.array.copy(), each.datatype) for name, each in result.items()}


def _together(
    module: Run, calls: Sequence[Call], numbers: frozenset[str]
) -> Sequence[Outputs] | None:
    """Run calls as one; return None if that fails or the outputs cannot be split."""
    sizes = _sizes(calls, numbers)
    if sizes is None:
        return None
    merged = {
        name: tensor
        if name in numbers
        else Tensor(np.concatenate([call[name].array for call in calls]), tensor.datatype)
        for name, tensor in calls[0].items()
    }
    ends = [*accumulate(sizes)]
    result = _alone(module, merged)
    if isinstance(result, ModelError) or any(
        tensor.array.shape[:1] != (ends[-1],) for tensor in result.values()
    ):
        return None
    parts: list[dict[str, Tensor]] = [{} for _ in calls]
    for name, each in result.items():
        array, datatype = each.array, each.datatype
        for part, (start, end) in zip(parts, pairwise([0, *ends]), strict=True):
            part[name] = Tensor(array[start:end], datatype)
    return parts


def _sizes(calls: Sequence[Call], numbers: frozenset[str]) -> list[int] | None:
    """Return the number of rows of each call; None if the inputs of a call differ in it."""
    names = [name for name in calls[0] if name not in numbers]
    if not names or not all(calls[0][name].array.ndim for name in names):
        return None
    sizes = [len(call[names[0]].array) for call in calls]
    for name in names[1:]:
        if any(len(call[name].array) != size for call, size in zip(calls, sizes, strict=True)):
            return None
    return sizes
