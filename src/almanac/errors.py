"""What can go wrong, one class per failure that somebody handles."""


class AlmanacError(Exception):
    """A failure the user can understand and mend; its message says how."""

    exit_code = 1


class UsageError(AlmanacError):
    """The command or its arguments do not fit; nothing was changed."""

    exit_code = 2


class IncompleteVersion(UsageError):
    """A version has not predicted all the entries that readers get predictions for."""


class UnknownWorkload(UsageError):
    """No workload has this name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"Unknown workload '{name}'. Known workloads: {', '.join(known) or 'none'}.")


class BadParameter(UsageError):
    """A notebook parameter is unknown or has the wrong type."""


class BadNotebook(UsageError):
    """A notebook is missing, unreadable, or lacks its parameters cell."""


class ContractError(AlmanacError):
    """A workload's contract contradicts itself or the tables that exist."""


class DatabaseError(AlmanacError):
    """The database cannot be reached, or has a schema this program does not know."""

    exit_code = 3


class SchemaMismatch(DatabaseError):
    """The database has another schema revision than this program; `advice` is the way out."""

    def __init__(self, found: str | None, needed: str) -> None:
        is_newer = found is not None and found > needed
        self.advice = (
            "This program is older than the database: use the Almanac that migrated it"
            if is_newer
            else "almanac db migrate"
        )
        way = self.advice if is_newer else f"Run: {self.advice}"
        super().__init__(
            f"The database is at schema revision {found or 'none'}, this program needs {needed}. {way}"
        )


class SourceUnavailable(AlmanacError):
    """A source of data could not be read."""

    exit_code = 4


class SourceCorrupt(SourceUnavailable):
    """A file was read but is not the file that was pinned."""


class StepFailed(AlmanacError):
    """A notebook of a run did not end well."""

    exit_code = 5


class RunBusy(AlmanacError):
    """Another run of the same workload is under way."""

    exit_code = 6


class RunFenced(AlmanacError):
    """This run is no longer the one that may publish."""

    exit_code = 6


class AuditFailed(AlmanacError):
    """Rows break what the contract says of their table; nothing of them was stored or published."""

    exit_code = 7


class RegistryError(AlmanacError):
    """The model registry cannot be reached or lacks what was asked for."""

    exit_code = 8


class ModelTampered(RegistryError):
    """A model's files differ from the hash recorded when it was registered."""


class BrokenChain(AlmanacError):
    """A link between a release and what it was made from does not hold."""

    exit_code = 9


class NotFound(AlmanacError):
    """A run, release or version with this name does not exist."""

    exit_code = 10
