"""Fixes for TorchServe's `model-server.jar`, as edits of single classes.

TorchServe 0.12.0 is the last release, so its jar does not change any more and its classes can be
edited by position: each edit replaces a constant or a few opcodes, without a compiler. The edited
classes are written to a small jar, which precedes TorchServe's on the class path. The Java runtime
verifies them like any other class.

A few classes are new: AGGREGATOR, QUEUE, WORKER, DECODER, RESPONSE, EXCHANGE, ROUTES and LOOPS,
which edits put in place of others, GRPC, and those that they use. They are stored compiled beside
their source, because the Java runtime comes without a compiler. `make classes` compiles them.

If a class differs from the one that an edit was written for, it is left unchanged, and a log line
says which fix is missing. The server runs with or without each edit. `TORCHSERVE_EDITS=off` in the
environment disables all of them.
"""

import hashlib
import io
import os
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SWITCH = "TORCHSERVE_EDITS"
NAME = "model-server.jar"
# The new classes, in place of Netty's HttpObjectAggregator, Java's LinkedBlockingDeque,
# TorchServe's BatchAggregator and ModelResponseDecoder, Netty's DefaultFullHttpResponse,
# TorchServe's ExtendedSSLHandler and ApiDescriptionRequestHandler, and Netty's EpollEventLoopGroup.
AGGREGATOR = "doubleit/BoundedAggregator"
QUEUE = "doubleit/JobQueue"
WORKER = "doubleit/Worker"
DECODER = "doubleit/WorkerDecoder"
RESPONSE = "doubleit/Response"
EXCHANGE = "doubleit/Exchange"
ROUTES = "doubleit/Routes"
LOOPS = "doubleit/EventLoops"
# Added to TorchServe's gRPC server.
GRPC = "doubleit/GrpcService"
COMPILED = Path(__file__).with_name("classes")
# What Docs.java serves: a page, and docs/openapi.yaml as JSON.
SERVED = Path(__file__).with_name("docs")
# The edited class whose workers take a batch's responses in several messages.
WORKERS = "org/pytorch/serve/wlm/WorkLoadManager"
# It belongs to the installed jar, so it lies in the same virtual environment.
EDITED = Path(sys.prefix) / "torchserve-edits.jar"
# The earliest time that a zip file can hold. A fixed time makes the jar reproducible.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
CHECKSUM_BYTES = 8


class Patch(NamedTuple):
    """A replacement of bytes in a class file.

    Attributes:
        offset: position of the bytes in the class as shipped.
        before: the bytes as shipped.
        after: the new bytes.
    """

    offset: int
    before: bytes
    after: bytes


class Edit(NamedTuple):
    """All changes to one class.

    Attributes:
        name: the name of the class, with slashes.
        sha256: SHA-256 of the class file as shipped with 0.12.0.
        without: the problem that remains without the edit.
        patches: the replacements, by ascending offset.
    """

    name: str
    sha256: str
    without: str
    patches: Sequence[Patch]

    @property
    def entry(self) -> str:
        """The name of the class file in a jar."""
        return f"{self.name}.class"

    def apply(self, shipped: bytes) -> bytes | None:
        """Return the edited class, or None if `shipped` is not the class of 0.12.0."""
        if hashlib.sha256(shipped).hexdigest() != self.sha256:
            return None
        parts, end = [], 0
        for offset, before, after in self.patches:
            if shipped[offset : offset + len(before)] != before:
                raise ValueError(f"{self.name}: not the expected bytes at {offset}")
            parts += [shipped[end:offset], after]
            end = offset + len(before)
        return b"".join([*parts, shipped[end:]])


def _code(offset: int, before: str, after: str) -> Patch:
    """Return a patch of bytecode; `after` must be as long as `before`."""
    patch = Patch(offset, bytes.fromhex(before), bytes.fromhex(after))
    if len(patch.before) != len(patch.after):
        raise ValueError(f"a patch of bytecode must keep its length: {patch}")
    return patch


def _utf8(text: str) -> bytes:
    """Return a CONSTANT_Utf8 entry: tag 1, two bytes for the length, the text."""
    return b"\x01" + len(text).to_bytes(2, "big") + text.encode()


def _constant(offset: int, before: str, after: str) -> Patch:
    """Return a patch of a CONSTANT_Utf8 entry."""
    return Patch(offset, _utf8(before), _utf8(after))


def _constructor(count: int, end: int, name: str, arguments: int) -> tuple[Patch, Patch]:
    """Return patches that add three constants: a class's name, the class, and its constructor.

    `count` is the number of constants, and the first new one's index; `end` is where they end.
    `arguments` is the index of the constructor's NameAndType.
    """
    method = bytes.fromhex(f"0a {count + 1:04x} {arguments:04x}")
    added = _utf8(name) + bytes.fromhex(f"07 {count:04x}") + method
    before, after = (number.to_bytes(2, "big") for number in (count, count + 3))
    return Patch(8, before, after), Patch(end, b"", added)


# The comments name the instructions as javap does. With ifge in place of ifeq, a conditional jump
# on a boolean is always taken. With pop, nop, nop it is never taken: they discard the operand.
EDITS = (
    Edit(
        "org/pytorch/serve/wlm/Model",
        "7c5523f1fe77fe79aa32665469e17725e70518692abcf4987989ef72f10d4cff",
        "large requests in the queue can exhaust Java's heap",
        (
            *_constructor(0x2DD, 10784, QUEUE, 0x31),
            # The queue of requests: new, dup, iload_2, invokespecial.
            _code(11893, "bb00da591cb700dc", "bb02de591cb702df"),
        ),
    ),
    Edit(
        "org/pytorch/serve/wlm/WorkerThread",
        "5292f5b79ac1ec509876cd997e2605848fd79f0b15b24ebd1a96c9c6b035ffd6",
        "each batch passes one more thread, and requests that a worker gathers while it dies are "
        "never answered",
        (
            # run: invokedynamic Runnable, invokestatic CompletableFuture.runAsync
            # -> invokespecial lambda$run$0, nop, nop, aconst_null, nop, nop.
            _code(18057, "ba01670000b8016b", "b703ed0000010000"),
            # run, after an interrupt of the thread: ifnull -> pop, nop, nop. Then sendError is also
            # called with null, and puts the gathered requests back into the queue.
            _code(18847 + 4, "c60012", "570000"),
            # shutdown: remove the call of sendError(null, "Worker scaled down.", 500). It runs in
            # another thread than the worker's, and both would handle the same requests.
            _code(22655, "2ab4003e011302ba1101f4b601cc", "00" * 14),
            # lambda$run$0: ChannelFuture.sync -> nop.
            _code(24953 + 5, "b9027b0100", "00" * 5),
        ),
    ),
    Edit(
        WORKERS,
        "d8078b60dcae76ca80482b1db01510c5babc45e5af88f4cff1b1e18f0e322c74",
        "a lone request waits a millisecond for others to share its batch and changes threads six "
        "times, all requests of a batch wait for the slowest one, and large requests in several "
        "workers can take more memory than there is",
        (
            *_constructor(0x203, 8370, WORKER, 0x155),
            # addThreads, for models without other ways of batching: new, dup, aload_2,
            # invokespecial.
            _code(11282, "bb0163592cb70165", "bb0204592cb70205"),
        ),
    ),
    Edit(
        "org/pytorch/serve/wlm/WorkerThread$1",
        "b73d1dcaff2c3fb7a4c5db9dcf3b1f13dd67b1189510a0671097e9c01c42f1bc",
        "a lone request changes threads six times",
        (_constant(592 - 3, "org/pytorch/serve/util/codec/ModelResponseDecoder", DECODER),),
    ),
    Edit(
        "org/pytorch/serve/util/ServerGroups",
        "8c4327920bcaae8e5f6a9f9b6ec5c028515e95752140a4c74e43ebe29db3ef65",
        "a lone request changes threads four times",
        # getBackendGroup: backendGroup -> childGroup. Connections to clients and to workers then
        # share their event loops.
        (_code(4029, "2ab4003cb0", "2ab4002fb0"),),
    ),
    Edit(
        "org/pytorch/serve/util/Connector",
        "051c3154883b78438e50afa35b0825b559a731743969dcb25db48125d04ccd8a",
        "one of the event loops may have all workers",
        (_constant(1973 - 3, "io/netty/channel/epoll/EpollEventLoopGroup", LOOPS),),
    ),
    Edit(
        "org/pytorch/serve/http/api/rest/InferenceRequestHandler",
        "915ac25d1f8a2360181528aa8eabd3c769ebd807d54798f0bce9bc934213eb93",
        "forms are parsed by Netty, as objects without number (CVE-2024-29025)",
        (
            # invokestatic isMultipart -> pop, iconst_0, nop.
            _code(14211, "b80190", "570300"),
            # contentEqualsIgnoreCase, ifeq -> ifge.
            _code(14222 + 3, "99", "9c"),
        ),
    ),
    Edit(
        "org/pytorch/serve/job/RestJob",
        "053de98458cb7590a6a22afe93cd1141eab66036ede5d40418ad2e071eafe834",
        "Java's heap holds each response twice while it is sent",
        (_constant(1989 - 3, "io/netty/handler/codec/http/DefaultFullHttpResponse", RESPONSE),),
    ),
    Edit(
        "org/pytorch/serve/util/messages/InputParameter",
        "aeafcc9ae215e5535a986a6b2c0e5d6b9fe53bcec0499f16d38d17197fa8a2d9",
        "Java's heap holds each body twice while it is queued",
        # The constructor: remove the call of clone(), and the cast of its result to byte[].
        (_code(1129 + 1, "b60024c00025", "00" * 6),),
    ),
    Edit(
        "org/pytorch/serve/util/messages/Predictions",
        "67af3b3e13dcc2ea8cbf84a3816daa49b03c37df43287aeea088c4761e35d369",
        "Java's heap holds each response twice while it is received",
        # setResp: remove the call of clone(), and the cast of its result to byte[].
        (_code(1488, "b60015c00016", "00" * 6),),
    ),
    Edit(
        "org/pytorch/serve/workflow/api/http/WorkflowInferenceRequestHandler",
        "20e3c1f98a69a779d6a506021ea0fd97b82a179d708f827dee03285321e7e8c4",
        "forms on the workflow routes are parsed by Netty (CVE-2024-29025)",
        (_code(5996, "b80048", "570300"), _code(6007 + 3, "99", "9c")),
    ),
    Edit(
        "org/pytorch/serve/archive/model/ModelArchive",
        "0baabc70f99e18cc9aa986fcda6481eeaa0c221020be4f414eb962b763970cd0",
        "any local user can run code by registering a directory over gRPC",
        (
            # isDirectory and, for a folder inside the model store, exists: ifeq -> ifge.
            _code(6488 + 3, "99", "9c"),
            _code(6586 + 3, "99", "9c"),
        ),
    ),
    Edit(
        "org/pytorch/serve/ModelServer",
        "779d0df5bfc17c5ad09ac46d63d9a017d48a4cd68c1b7464de914d3cb40190b9",
        "a reset behind an error response can cut it off, and V2's gRPC service is missing",
        (
            # Six more constants: the name of the class, the class, the name and the type of its
            # method, both together, and the method.
            Patch(8, bytes.fromhex("041d"), bytes.fromhex("0423")),
            Patch(
                17126,
                b"",
                _utf8(GRPC)
                + bytes.fromhex("07041d")
                + _utf8("addTo")
                + _utf8("(Lio/grpc/ServerBuilder;)V")
                + bytes.fromhex("0c041f0420 0a041e0421"),
            ),
            # SO_LINGER: iconst_0 -> iconst_m1.
            _code(20728 + 3, "03", "02"),
            # startGRPCServer: if the setting for it is on, add TorchServe's own service, whose name
            # clients do not know -> aload_2, invokestatic GRPC.addTo.
            _code(
                22081,
                "b80048b602cd99002a2c2ab40025b602afb602d0b202d5b802b604bd02bc5903bb02be592bb702c053b802c3"
                "b602d857",
                "2cb80422" + "00" * 44,
            ),
        ),
    ),
    Edit(
        "org/pytorch/serve/ServerInitializer",
        "096cdc16ec94359c5bafd0fddf4443e3d9a8c7656863d0b57bf1586fd2f8f700",
        "`Connection: close` and HTTP/1.0 are ignored, uploads that never end stop the server, "
        "pipelined requests can get each other's responses, invalid HTTP gets no response, bodies "
        "cannot be compressed, and of KServe's protocols only inference works",
        (
            # The first part of TorchServe's routing.
            _constant(
                335 - 3, "org/pytorch/serve/http/api/rest/ApiDescriptionRequestHandler", ROUTES
            ),
            # Replace the TLS handler, whose constructor then takes no arguments. TLS is terminated
            # in front of this server.
            _constant(664 - 3, "org/pytorch/serve/http/ExtendedSSLHandler", EXCHANGE),
            _code(710, "0c0005002f", "0c00050006"),
            # The constructor takes the same argument.
            _constant(1026 - 3, "io/netty/handler/codec/http/HttpObjectAggregator", AGGREGATOR),
            # The first of the two addLast calls now adds the codec, and only if TLS is not
            # configured: ifnull -> ifnonnull. With TLS configured no request is decoded, so nothing
            # is served in plain text.
            _code(3628 + 4, "c6", "c7"),
            _code(3638, "bb002b592ab400072ab4000db7002d", "bb003859" + "00" * 8 + "b7003a"),
            # The second adds the new handler.
            _code(3662, "bb003859b7003a", "bb002b59b7002d"),
        ),
    ),
)


def class_path(jar: Path, target: Path = EDITED) -> list[str]:
    """Return the class path entries that must precede TorchServe's jar.

    The jar of edited classes is made at set-up. It is made here if it is missing or was made from
    other edits. Edits that are not applied are printed.

    Args:
        jar: TorchServe's jar.
        target: the jar of edited classes.
    """
    if os.environ.get(SWITCH) == "off":
        _say(f"{SWITCH}=off: TorchServe runs as shipped")
        return []
    entries = _entries(jar, target)
    if entries is None:
        try:
            _write(jar, target)
        except (OSError, zipfile.BadZipFile) as error:
            _say(f"TorchServe runs as shipped, its classes cannot be edited: {error}")
            return []
        entries = _entries(jar, target) or set()
    for edit in EDITS:
        if edit.entry not in entries:
            _say(f"{edit.entry} is not TorchServe 0.12.0's and stays as it is: {edit.without}")
    return [str(target)] if entries else []


def applied(name: str, jar: Path, target: Path = EDITED) -> bool:
    """Return whether the entries that `class_path` returned contain the edited class `name`."""
    return os.environ.get(SWITCH) != "off" and f"{name}.class" in (_entries(jar, target) or ())


def _entries(jar: Path, target: Path) -> set[str] | None:
    """Return the classes in `target`; None if it is damaged or not made from EDITS and `jar`."""
    try:
        content = target.read_bytes()
        mark = _fingerprint(jar)
    except OSError:
        return None
    if not content.endswith(mark + _checksum(content[:-CHECKSUM_BYTES])):
        return None
    return set(zipfile.ZipFile(io.BytesIO(content)).namelist())


def _write(jar: Path, target: Path) -> None:
    """Write the edited classes of `jar` to `target`, reproducibly."""
    with zipfile.ZipFile(jar) as source:
        present = set(source.namelist())
        edited = {
            edit.entry: content
            for edit in EDITS
            if edit.entry in present and (content := edit.apply(source.read(edit.entry)))
        }
    if edited:
        edited |= _added()
    # Another server may start at the same time.
    partial = target.with_suffix(f".{os.getpid()}")
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as made:
        # The checksum at the end of the comment is that of all bytes before it.
        made.comment = _fingerprint(jar) + bytes(CHECKSUM_BYTES)
        for entry, content in edited.items():
            made.writestr(zipfile.ZipInfo(entry, TIMESTAMP), content)
    whole = written.getvalue()[:-CHECKSUM_BYTES]
    partial.write_bytes(whole + _checksum(whole))
    partial.replace(target)


def _checksum(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)


def _fingerprint(jar: Path) -> bytes:
    """Return a fingerprint of EDITS, of the added classes, and of the size of `jar`."""
    content = repr((EDITS, _added())).encode()
    return b"%08x %d" % (zlib.crc32(content), jar.stat().st_size)


def _added() -> dict[str, bytes]:
    """Return the new classes, and the files that they serve, by their names in a jar."""
    package = AGGREGATOR.rpartition("/")[0]
    added = sorted([*COMPILED.glob("*.class"), *SERVED.iterdir()])
    return {f"{package}/{path.name}": path.read_bytes() for path in added}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
