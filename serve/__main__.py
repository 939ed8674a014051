"""`python -m serve`: run the server on the host and port of the settings."""

import gc
import sys

from serve import memory

if __name__ == "__main__":
    # Looking for garbage while modules are imported takes a twentieth of the start.
    gc.disable()
    memory.import_in_part()
    from serve.server import main

    sys.exit(main())
