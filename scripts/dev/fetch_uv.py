"""Download uv into a folder, at the version in uv.lock.

For machines that have only python3: it uses the standard library and needs neither pip nor venv. If
pip is available it is tried first, because it knows the machine's index and proxy. Otherwise the
wheel is downloaded from the URL in uv.lock. In both cases its SHA-256 must match uv.lock.

    python3 scripts/dev/fetch_uv.py FOLDER
"""

from __future__ import annotations

import hashlib
import io
import platform
import re
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent.parent / "uv.lock"
# The platform tag of the wheel for each supported machine.
PLATFORMS = {
    ("Linux", "x86_64"): "manylinux_2_17_x86_64",
    ("Linux", "aarch64"): "manylinux_2_17_aarch64",
    ("Darwin", "x86_64"): "macosx_10_12_x86_64",
    ("Darwin", "arm64"): "macosx_11_0_arm64",
}


def locked_wheel(lock: str, tag: str) -> tuple[str, str, str]:
    """Return (version, URL, SHA-256 in hex) of the wheel of uv for `tag`.

    It uses a regular expression because python3 may be older than 3.11 and lack tomllib.
    """
    package = re.search(
        r'\[\[package\]\]\nname = "uv"\nversion = "([^"]+)".*?(?=\n\[\[|\Z)', lock, re.DOTALL
    )
    if package:
        for url, digest in re.findall(
            r'url = "([^"]+)", hash = "sha256:([0-9a-f]{64})"', package[0]
        ):
            if tag in url:
                return package[1], url, digest
    sys.exit(f"fetch_uv: uv.lock has no uv wheel for {tag}")


def from_pip(version: str) -> bytes | None:
    """Download the wheel with pip; return None if pip is missing or finds no wheel."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        done = subprocess.run(
            [*pip, "-d", folder, f"uv=={version}"], capture_output=True, check=False
        )
        wheels = list(Path(folder).glob("uv-*.whl"))
        return wheels[0].read_bytes() if done.returncode == 0 and wheels else None


def main() -> None:
    """Write FOLDER/uv, or exit with a one-line error."""
    folder = Path(sys.argv[1])
    machine = (platform.system(), platform.machine())
    if machine not in PLATFORMS:
        sys.exit(f"fetch_uv: no uv for {' '.join(machine)}: install uv yourself and run again")
    version, url, digest = locked_wheel(LOCK.read_text(), PLATFORMS[machine])
    wheel = from_pip(version)
    if wheel is None or hashlib.sha256(wheel).hexdigest() != digest:
        try:
            with urllib.request.urlopen(url, timeout=120) as answer:  # noqa: S310 (https, from uv.lock)
                wheel = answer.read()
        except OSError as error:
            sys.exit(f"fetch_uv: cannot download uv {version}: {error}")
    if hashlib.sha256(wheel).hexdigest() != digest:
        sys.exit(f"fetch_uv: the downloaded uv {version} is not the one in uv.lock")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        binary = archive.read(f"uv-{version}.data/scripts/uv")
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "uv.partial"
    partial.write_bytes(binary)
    partial.chmod(0o755)
    partial.rename(folder / "uv")


if __name__ == "__main__":
    main()
