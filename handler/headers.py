"""The headers of a request, with names in lower case."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

# Number of bytes of JSON in a body that also has binary tensors.
JSON_SIZE = "inference-header-content-length"
# Headers that change the meaning of a request or the encoding of its body.
_SPECIAL = {"describe", JSON_SIZE, "content-encoding"}


class Headers(dict[str, str]):
    """The headers of a request; shared by requests with the same headers, empty over gRPC.

    Attributes:
        plain: whether the request is a prediction whose body is plain JSON.
    """

    __slots__ = ("plain",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        """Take pairs of name and value; names may have any case."""
        super().__init__((name.lower(), value) for name, value in pairs)
        self.plain = (
            bool(self)
            and self.get("content-type", "") in ("", "application/json")
            # TorchServe adds these to each prediction: the rest of the path, and the explain flag.
            and not self.get("url_path")
            and self.get("explain") != "True"
            and _SPECIAL.isdisjoint(self)
        )


def media_type(content_type: str) -> str:
    """Return a Content-Type without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def accepts(patterns: Iterable[str], content_type: str) -> bool:
    """Return whether one of patterns such as `image/*` matches a Content-Type."""
    return any(fnmatchcase(media_type(content_type), pattern) for pattern in patterns)
