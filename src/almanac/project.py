"""One installation of Almanac: its settings, its database, its registry, each opened when first used."""

from dataclasses import dataclass
from functools import cached_property

from almanac.registry import Registry, open_registry
from almanac.settings import Settings
from almanac.store.connections.database import Database, open_database
from almanac.store.records.installation import identity
from almanac.store.schema.migrate import check, prepare


@dataclass(frozen=True)
class Project:
    """The settings of one installation, and its database and registry."""

    settings: Settings

    @cached_property
    def database(self) -> Database:
        """The database in the role of its owner.

        The embedded server is started and prepared; tables of a workload change only when it runs, or with
        `almanac db migrate`. A server of your own must be at the right revision; else raises DatabaseError.
        """
        if self.settings.database_url is None:
            prepare(open_database(self.settings, "login"))
        owner = open_database(self.settings, "owner")
        check(owner)
        return owner

    @cached_property
    def worker(self) -> Database:
        """The database in the role of a worker."""
        return open_database(self.settings, "worker")

    @cached_property
    def registry(self) -> Registry:
        """The model registry."""
        return open_registry(self.settings, lambda: identity(self.database))
