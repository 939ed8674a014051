"""Make a Feast feature store from the rows of a Parquet file, in an environment of its own.

Usage: python _feast_repository.py ROWS.parquet KEY
"""

import sys
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.types import Bool, Float64, Int64, String, UnixTimestamp
from feast.value_type import ValueType

SETTINGS = """project: beside
registry: registry.db
provider: local
online_store: {type: sqlite, path: online.db}
entity_key_serialization_version: 3
"""
TYPES = {"b": Bool, "f": Float64, "i": Int64, "M": UnixTimestamp}


def main(rows: Path, key: str) -> None:
    """Declare one feature view over all columns and write every row to the online store."""
    frame = pd.read_parquet(rows)
    folder = rows.parent
    Path(folder, "feature_store.yaml").write_text(SETTINGS)
    entity = Entity(name="entity", join_keys=[key], value_type=ValueType.STRING)
    fields = [
        Field(name=name, dtype=TYPES.get(kind.kind, String))
        for name, kind in frame.dtypes.items()
        if name not in (key, "published_at")
    ]
    source = FileSource(path=str(rows), timestamp_field="published_at")
    view = FeatureView(name="predictions", entities=[entity], schema=fields, source=source, online=True)
    store = FeatureStore(repo_path=str(folder))
    store.apply([entity, view])
    store.write_to_online_store("predictions", frame)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
