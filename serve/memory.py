"""What keeps the server's memory small: packages imported in part, and memory given back to the system."""

import ctypes
import gc
import sys
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any


def import_in_part() -> None:
    """Leave out what the server does not use of its packages; call it before they are imported."""
    # Its command line, reloading and worker processes.
    defer("uvicorn", Config="uvicorn.config")
    # Its servers, and clients of a gateway.
    defer("prometheus_client")
    _import_fastapi()


def defer(name: str, **places: str) -> None:
    """Let `import NAME.module` leave out what NAME itself imports, until something else of NAME is asked for.

    `places` has the modules of names that can be had without. Unlike importlib's LazyLoader this lets modules
    of the package be imported while the package is not.
    """
    spec = find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    package, loader = module_from_spec(spec), spec.loader

    def get(attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if attribute in places:
            return getattr(import_module(places[attribute]), attribute)
        if find_spec(f"{name}.{attribute}"):
            return import_module(f"{name}.{attribute}")
        del package.__dict__["__getattr__"]
        loader.exec_module(package)
        return getattr(package, attribute)

    package.__dict__["__getattr__"] = get
    sys.modules[name] = package


def give_back() -> None:
    """Give memory that is free inside this process back to the system."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(AttributeError):  # musl has no malloc_trim
            ctypes.CDLL(None).malloc_trim(0)


def _import_fastapi() -> None:
    """Import FastAPI so that its models of an OpenAPI description are built when they are first used."""
    from pydantic import BaseModel, ConfigDict

    config = BaseModel.model_config
    BaseModel.model_config = ConfigDict(defer_build=True)
    try:
        import_module("fastapi")
    finally:
        BaseModel.model_config = config
