"""KServe's Python client: runs in a separate environment and prints the responses as JSON.

build/kserve/bin/python tests/contract/kserve_client.py URL GRPC_ADDRESS
"""

import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def main(url: str, address: str) -> dict[str, object]:
    got: dict[str, object] = {}
    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    got["v1"] = await v1.infer(url, {"instances": [[1, 2], [0.5]]}, model_name="doubleit")
    v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
    grpc = InferenceGRPCClient(address)
    for name, binary in (("int64", False), ("binary", True)):
        tensor = InferInput("x", [1, 2], "INT64")
        tensor.set_data_from_numpy(np.array([[2**53 + 1, 2]]), binary_data=binary)
        request = InferRequest("doubleit", [tensor], "7")
        for key, answer in (
            (name, await v2.infer(url, request, model_name="doubleit")),
            (f"grpc {name}", await grpc.infer(request)),
        ):
            output = answer.outputs[0]
            got[key] = [answer.id, output.shape, output.as_numpy().tolist()]
    try:
        await v1.infer(url, {"instances": [["1"]]}, model_name="doubleit")
    except httpx.HTTPStatusError as error:
        got["bad"] = [error.response.status_code, error.response.json()["message"]]
    got["server ready"] = await v2.is_server_ready(url)
    live = [await each.is_server_live(url) for each in (v1, v2)]
    ready = [await each.is_model_ready(url, "doubleit") for each in (v1, v2)]
    got["live"] = [*live, await grpc.is_server_live()]
    got["ready"] = [*ready, await grpc.is_model_ready("doubleit"), await grpc.is_server_ready()]
    await grpc.close()
    got["unknown"] = await v2.is_model_ready(url, "unknown")
    return got


sys.stdout.write(json.dumps(asyncio.run(main(*sys.argv[1:]))))
