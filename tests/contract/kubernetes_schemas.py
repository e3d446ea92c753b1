"""Checks manifests against the classes of Kubernetes' and KServe's Python clients.

Runs in a separate environment: build/kserve/bin/python tests/contract/kubernetes_schemas.py FILE...
"""

import sys
import types
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import kubernetes.client
import yaml

# The package imports a whole server, which takes longer than the check.
package = types.ModuleType("kserve")
spec = find_spec("kserve")
assert spec
package.__path__ = list(spec.submodule_search_locations or ())
sys.modules["kserve"] = package

import kserve.models  # noqa: E402 (after the package was replaced)

API = kubernetes.client.ApiClient()


def check(value: Any, kind: str, place: str) -> None:
    """Check a value against the class `kind`, a list or a dict of it, or a simple type."""
    if kind.startswith(("list[", "dict(")):
        of = kind[5:-1].rpartition(", ")[2]
        items = value.items() if kind.startswith("dict") else enumerate(value)
        for key, item in items:
            check(item, of, f"{place}.{key}")
    elif own := getattr(kserve.models, kind, None):
        attributes = {json: name for name, json in own.attribute_map.items()}
        unknown = set(value) - set(attributes)
        assert not unknown, f"{place} has no {unknown}"
        # Raises ValueError if a field is missing.
        own(**{attributes[key]: item for key, item in value.items()})
        for key, item in value.items():
            check(item, own.openapi_types[attributes[key]], f"{place}.{key}")
    elif theirs := getattr(kubernetes.client, kind, None):
        # A missing field raises an exception, an unknown one is dropped.
        known = API.sanitize_for_serialization(theirs.from_dict(value))
        assert known == value, f"{place} has unknown fields: {value}, known are {known}"
    else:
        assert type(value).__name__ == kind, f"{place} is no {kind}: {value}"


for path in sys.argv[1:]:
    for document in yaml.safe_load_all(Path(path).read_text()):
        version = document["apiVersion"].rpartition("/")[2]
        check(document, f"V{version[1:]}{document['kind']}", path)
        sys.stdout.write(f"{document['kind']} {document['metadata']['name']}\n")
