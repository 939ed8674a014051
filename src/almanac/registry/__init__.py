"""The only home of MLflow: runs to compare, model versions, aliases, and loading that checks the hash."""

from almanac.registry.files import file_hash, folder_hash, frame_bytes
from almanac.registry.models import CHALLENGER, CHAMPION, Registry, Submission, Version, open_registry

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "Registry",
    "Submission",
    "Version",
    "file_hash",
    "folder_hash",
    "frame_bytes",
    "open_registry",
]
