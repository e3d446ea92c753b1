"""MLServer's types and codecs: runs in a separate environment and prints the responses as JSON.

build/mlserver/bin/python tests/contract/mlserver_client.py URL
"""

import json
import sys
from urllib.request import Request, urlopen

import numpy as np
from mlserver.codecs import NumpyCodec, NumpyRequestCodec
from mlserver.types import InferenceRequest, InferenceResponse

JSON = {"Content-Type": "application/json"}
DATATYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "float32", "float64")


def infer(request: InferenceRequest) -> InferenceResponse:
    url = f"{sys.argv[1]}/v2/models/doubleit/infer"
    post = Request(url, request.model_dump_json().encode(), JSON)  # noqa: S310 (loopback)
    with urlopen(post) as answer:  # noqa: S310
        return InferenceResponse.model_validate_json(answer.read())


got: dict[str, object] = {}
for dtype in DATATYPES:
    array = np.arange(6, dtype=dtype).reshape(2, 3)
    inputs = [NumpyCodec.encode_input("numbers", array)]
    answer = infer(InferenceRequest(id=dtype, inputs=inputs))
    decoded = NumpyCodec.decode_output(answer.outputs[0])
    got[dtype] = [answer.id, str(decoded.dtype), decoded.tolist()]
answer = infer(NumpyRequestCodec.encode_request(np.array([[0.5], [2.0]])))
got["request"] = NumpyRequestCodec.decode_response(answer).tolist()
sys.stdout.write(json.dumps(got))
