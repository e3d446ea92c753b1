"""Requests that try to deny service to other clients, of many kinds, generated from a seed.

Each kind returns requests as bytes for the socket. The server may respond to them with anything but
a 5xx; what matters is that ordinary clients are not affected.
"""

import random
from collections.abc import Callable

from tests.faults.conftest import MIB
from tests.support.raw import request

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Attack = Callable[[random.Random], bytes]


def repeated(pick: random.Random, piece: bytes, size: int = 2 * MIB) -> bytes:
    """Return a piece repeated to a random length, from half of `size` to `size` bytes."""
    return piece * (int(size * pick.uniform(0.5, 1)) // len(piece))


def plain(pick: random.Random) -> bytes:
    return request(b"[%b1]" % repeated(pick, b"1,"))


def v1(pick: random.Random) -> bytes:
    pieces = (b"1,", b"1.5,", b"[],", b"[1],", b"1,[1],", b"[],1.5,1,", b"{},", b"null,", b'"1",')
    return request(b'{"instances":[%b1]}' % repeated(pick, pick.choice(pieces)))


def v2(pick: random.Random) -> bytes:
    piece = pick.choice((b"1,", b"1.5,", b"[1],", b"[[1,2],[3,4]],", b'"1",', b"null,", b"1e300,"))
    data = repeated(pick, piece)
    count = len(data) // len(piece) + 1
    datatype = pick.choice((b"INT64", b"FP64", b"INT8", b"FP32", b"BOOL", b"BYTES", b"FP16"))
    shape = pick.choice(
        (b"[%d]" % count, b"[%d,1]" % count, b"[1,%d]" % count, b"[%d,2,2]" % count)
    )
    tensor = b'{"name":"x","shape":%b,"datatype":"%b","data":[%b1]}' % (shape, datatype, data)
    return request(b'{"inputs":[%b]}' % tensor)


def digits(pick: random.Random) -> bytes:
    count = int(10 ** pick.uniform(3, 6))
    many = "".join(pick.choices("0123456789", k=100)) * (count // 100)
    text = pick.choice(
        ("[{}]", "[1.5,{}]", "[0.{}]", "[1e{}]", "[1e-{}]", '{{"instances":[[{}]]}}')
    )
    return request(text.format(f"1{many}").encode())


def form_fields(pick: random.Random) -> bytes:
    pieces = (b"a&", b"a=b&", b"&", b"=", b"data=[1]&", b"a=%zz&", b"%", b"a;", b"\xff&")
    return request(repeated(pick, pick.choice(pieces)), headers=FORM)


def multipart_parts(pick: random.Random) -> bytes:
    boundary = pick.choice(("b", "x" * 70, "x" * 7_000, "", '"', "é", "a b"))
    disposition = b'Content-Disposition: form-data; name="%b"'
    head = pick.choice(
        (
            *(disposition % b"data", disposition % b"", b"Content-Disposition: form-data", b""),
            *(disposition % (b"n" * 10_000), b"X: " + b"y" * 10_000, b"no head"),
            b'Content-Disposition: form-data; name="data"; filename="' + b"f" * 1_000 + b'"',
        )
    )
    part = b"--%b\r\n%b\r\n\r\n[1]\r\n" % (boundary.encode("latin-1"), head)
    end = pick.choice((b"--%b--\r\n" % boundary.encode("latin-1"), b"--", b""))
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return request(repeated(pick, part, 4 * MIB) + end, headers=kind)


def nesting(pick: random.Random) -> bytes:
    opening = pick.choice((b"[", b'{"a":', b'{"instances":[', b'[{"inputs":', b"[1,["))
    depth = len(repeated(pick, opening, MIB)) // len(opening)
    closing = {b"[": b"]", b'{"a":': b"}"}.get(opening, b"]}") * pick.choice((depth, 0))
    place = pick.choice((b"%b", b'{"instances":[%b]}', b'{"inputs":[{"data":%b}]}'))
    return request(place % (opening * depth + b"1" + closing))


def keys(pick: random.Random) -> bytes:
    piece = pick.choice(('"{0}":1,', '"instances":[{0}],', '"\\u0061{0}":{{}},', '"a":{0},'))
    pieces = "".join(piece.format(n) for n in range(pick.randrange(10_000, 100_000)))
    place = pick.choice(
        (
            "{{{0}}}",
            '{{"instances":[1],"parameters":{{{0}}}}}',
            '{{"inputs":[{{{0}}}]}}',
            '{{{0},"instances":[1]}}',
        )
    )
    return request(place.format(pieces[:-1]).encode())


def names(pick: random.Random) -> bytes:
    long = pick.choice(("x", "é", "\\u0000", "\\ud83d\\ude00", "]", "%s")) * pick.randrange(
        1, 100_000
    )
    tensor = '{{"name":"{0}","shape":[1],"datatype":"{1}","data":[{2}]}}'
    bodies = (
        f'{{"{long}":1}}',
        f'["{long}"]',
        f'{{"instances":["{long}"]}}',
        f'{{"inputs":[{tensor.format(long, "INT64", 1)}]}}',
        f'{{"inputs":[{tensor.format("x", long, 1)}]}}',
        f'{{"inputs":[{tensor.format("x", "INT64", chr(34) + "x" + chr(34))}],"id":"{long}"}}',
        f'{{"inputs":[{tensor.format("x", "INT64", 1)}],"outputs":[{{"name":"{long}"}}]}}',
        long,
    )
    return request(pick.choice(bodies).encode())


KINDS: dict[str, Attack] = {
    "long lists, for comparison": plain,
    "V1 of a million instances": v1,
    "V2 of a million numbers": v2,
    "numbers of a million digits": digits,
    "forms of a million fields": form_fields,
    "multipart of 100 000 parts": multipart_parts,
    "nesting a million deep": nesting,
    "objects of 100 000 keys": keys,
    "names of a megabyte": names,
}
