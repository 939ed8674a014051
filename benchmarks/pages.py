"""Pages of an installation (DATABASE_URL): memory of the server, CPU and bytes of a page."""

import argparse
import gzip
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

PAGES = ("/", "/events", "/football", "/football/quality", "/games")
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 30.0


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def read(address: str) -> bytes:
    """Return the body of an answer, uncompressed."""
    with urlopen(Request(address, headers={"Accept-Encoding": "gzip"})) as answer:  # noqa: S310  # ours
        body: bytes = answer.read()
        return gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body


def memory_mb(process: "subprocess.Popen[bytes]") -> float:
    """Return the resident memory of a process."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1000


def cpu_ms(process: "subprocess.Popen[bytes]") -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / TICKS


def measure(process: "subprocess.Popen[bytes]", address: str, path: str, rounds: int) -> dict[str, float]:
    """Return the CPU of one page, rendered anew and from memory, and its bytes with its files."""
    figures: dict[str, float] = {}
    # An instant that no request named before is not in memory; in the future the release is the live one.
    fresh = [f"{path}?as_of=2100-01-01T00:00:00.{number:06d}Z" for number in range(rounds)]
    for name, paths in (("rendered", fresh), ("from memory", [path] * rounds)):
        read(address + path)
        blocks = []
        for start in range(0, rounds, rounds // 5):
            before = cpu_ms(process)
            block = paths[start : start + rounds // 5]
            for each in block:
                read(address + each)
            blocks.append((cpu_ms(process) - before) / len(block))
        figures[f"cpu ms {name}"] = round(statistics.median(blocks), 2)
    page = read(address + path)
    files = [read(address + name) for name in re.findall(r'"(/static/[^"]+)"', page.decode())]
    figures["kB compressed"] = round(sum(len(gzip.compress(each)) for each in (page, *files)) / 1000, 1)
    return figures


def results(address: str, process: "subprocess.Popen[bytes]", rounds: int) -> dict[str, Any]:
    """Return every figure."""
    figures: dict[str, Any] = {"memory MB at rest": memory_mb(process)}
    figures["pages"] = {path: measure(process, address, path, rounds) for path in PAGES}
    return figures | {"memory MB after": memory_mb(process)}


def main() -> int:
    """Start a server on DATABASE_URL, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--python", default=sys.executable, help="has the packages of requirements/serve")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {"PORT": str(port), "LOG_LEVEL": "WARNING"}
    process = subprocess.Popen([options.python, "-m", "serve"], env=environment)
    try:
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            with suppress(OSError):
                read(f"{address}/readyz")
                break
            time.sleep(0.2)
        time.sleep(1)
        figures = results(address, process, options.rounds)
    finally:
        process.terminate()
        process.wait()
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
