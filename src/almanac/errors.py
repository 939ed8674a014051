"""One exception class for each failure that somebody handles."""


class AlmanacError(Exception):
    """A failure that the user can understand and mend; its message says how."""

    exit_code = 1


class UsageError(AlmanacError):
    """The command or its arguments do not fit; nothing was changed."""

    exit_code = 2


class IncompleteVersion(UsageError):
    """A version has not predicted all the entries that readers get predictions for."""


class LookAhead(UsageError):
    """A model version was trained on days that its run must not know."""


class UnknownWorkload(UsageError):
    """No workload has this name."""

    def __init__(self, name: str, workloads: list[str]) -> None:
        names = ", ".join(workloads) or "none"
        super().__init__(f"Unknown workload '{name}'. Known workloads: {names}.")


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

    def __init__(self, actual: str | None, needed: str) -> None:
        is_newer = actual is not None and actual > needed
        if is_newer:
            self.advice = "This program is older than the database: use the Almanac that migrated it"
        else:
            self.advice = "almanac db migrate"
        way_out = self.advice if is_newer else f"Run: {self.advice}"
        revision = actual or "none"
        super().__init__(
            f"The database is at schema revision {revision}, this program needs {needed}. {way_out}"
        )


class SourceUnavailable(AlmanacError):
    """A source of data could not be read."""

    exit_code = 4


class SourceCorrupt(SourceUnavailable):
    """A file was read but is not the file that was pinned."""


class StepFailed(AlmanacError):
    """A notebook of a run failed."""

    exit_code = 5


class RunBusy(AlmanacError):
    """Another run of the same workload is under way."""

    exit_code = 6


class RunFenced(AlmanacError):
    """This run is no longer the one that may publish."""

    exit_code = 6


class AuditFailed(AlmanacError):
    """Rows break a rule of their table's contract; none of them was stored or published."""

    exit_code = 7


class RegistryError(AlmanacError):
    """The model registry cannot be reached or lacks what the caller needs."""

    exit_code = 8


class ModelTampered(RegistryError):
    """A model's files differ from the hash recorded when it was registered."""


class BrokenChain(AlmanacError):
    """A link between a release and its run, model or data does not hold."""

    exit_code = 9


class NotFound(AlmanacError):
    """A run, release or version with this name does not exist."""

    exit_code = 10
