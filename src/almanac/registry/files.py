"""Hashes of files and folders, and frames as Parquet files."""

import hashlib
from pathlib import Path

import pandas as pd

# MLflow writes these files while it downloads a model; they are not part of it.
NOT_PART_OF_MODEL = ("registered_model_meta",)


def frame_bytes(frame: pd.DataFrame) -> bytes:
    """Return a frame as Parquet; the same frame gives the same bytes."""
    return frame.reset_index(drop=True).to_parquet(index=False, compression="zstd")


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_hash(folder: Path) -> str:
    """Return one SHA-256 over the names and contents of all files of a model below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in NOT_PART_OF_MODEL:
            name = path.relative_to(folder).as_posix()
            digest.update(f"{name}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()
