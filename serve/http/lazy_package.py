"""Packages whose modules are imported without the rest of the package, which takes memory and start-up time."""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any


def defer(name: str) -> None:
    """Let `import NAME.module` leave out what NAME itself imports, until something of NAME is asked for.

    Unlike importlib's LazyLoader this lets modules of the package be imported while the package is not.
    """
    spec = find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    package, loader = module_from_spec(spec), spec.loader

    def complete(attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if find_spec(f"{name}.{attribute}"):
            return import_module(f"{name}.{attribute}")
        del package.__dict__["__getattr__"]
        loader.exec_module(package)
        return getattr(package, attribute)

    package.__dict__["__getattr__"] = complete
    sys.modules[name] = package
