"""A request's headers, by their names in lower case."""

from __future__ import annotations

from collections.abc import Iterable

# How many bytes of the body are JSON, where binary tensors follow.
JSON_SIZE = "inference-header-content-length"
# With one of these, a request is not, or not only, its body.
_SPECIAL = {"describe", JSON_SIZE, "content-encoding"}


class Headers(dict[str, str]):
    """The headers of one request, or of several that sent the same; none over gRPC.

    Attributes:
        plain: whether the body is all there is to the request, and JSON.
    """

    __slots__ = ("plain",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        """Take names of any casing."""
        super().__init__((name.lower(), value) for name, value in pairs)
        self.plain = (
            bool(self)
            and self.get("content-type", "") in ("", "application/json")
            # TorchServe's own, on each prediction: the rest of the path, and whether to explain.
            and not self.get("url_path")
            and self.get("explain") != "True"
            and _SPECIAL.isdisjoint(self)
        )
