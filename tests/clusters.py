"""Stops and restarts the PostgreSQL server of a test."""

import os
import subprocess
from pathlib import Path


def control(data: Path, action: str, mode: str = "fast") -> None:
    """Stop PostgreSQL, or restart it with the same options; mode `immediate` is like a loss of power."""
    postgres = (data / "postmaster.opts").read_text().split()[0]
    command = [str(Path(postgres).with_name("pg_ctl")), "-D", str(data), "-w", "-m", mode, action]
    owner = data.stat().st_uid if os.getuid() == 0 else None
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=owner)
