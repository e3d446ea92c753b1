"""KServe's Python client: runs in a separate environment and prints the responses as JSON.

build/kserve/bin/python tests/contract/kserve_client.py URL
"""

import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def main(url: str) -> dict[str, object]:
    got: dict[str, object] = {}
    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    got["v1"] = await v1.infer(url, {"instances": [[1, 2], [0.5]]}, model_name="doubleit")
    v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
    for name, array, datatype, binary in (
        ("int64", np.array([[2**53 + 1, 2]]), "INT64", False),
        ("fp32", np.array([0.5, 1.5], dtype=np.float32), "FP32", False),
        ("binary", np.array([[2**53 + 1, 2]]), "INT64", True),
    ):
        tensor = InferInput("x", list(array.shape), datatype)
        tensor.set_data_from_numpy(array, binary_data=binary)
        answer = await v2.infer(url, InferRequest("doubleit", [tensor], "7"), model_name="doubleit")
        got[name] = [answer.id, answer.outputs[0].shape, answer.outputs[0].as_numpy().tolist()]
    try:
        await v1.infer(url, {"instances": [["1"]]}, model_name="doubleit")
    except httpx.HTTPStatusError as error:
        got["bad"] = [error.response.status_code, error.response.json()["message"]]
    got["live"] = [await each.is_server_live(url) for each in (v1, v2)]
    got["ready"] = [await each.is_model_ready(url, "doubleit") for each in (v1, v2)]
    got["server ready"] = await v2.is_server_ready(url)
    got["unknown"] = await v2.is_model_ready(url, "unknown")
    return got


sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1]))))
