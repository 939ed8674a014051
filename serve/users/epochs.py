"""The epoch of access: it grows with every change that takes rights away, and is followed by NOTIFY."""

import logging

from serve.reading.database import Connection
from serve.reading.following import Follower

STATE = b"SELECT epoch, has_users FROM api.access_state()"
NO_USERS = "access is on and there are no users: add the first by `almanac users add NAME --admin`"
log = logging.getLogger("almanac.serve")


class Epochs(Follower):
    """The newest epoch. What was verified at another one has to be verified again."""

    channel = "almanac_access"
    subject = "users and keys"
    unconfirmed = "The database does not say whether users and keys are still valid."
    epoch = 0
    has_users: bool | None = None

    async def check(self, _connection: Connection) -> None:
        """Forget the epoch: behind a new connection may be a database that was restored."""
        self.epoch = 0

    async def read(self, connection: Connection) -> None:
        """Read the epoch, and whether anybody may log in."""
        [(epoch, has_users)] = await connection.rows(STATE)
        if not has_users and self.has_users is not False:
            log.warning(NO_USERS)
        self.has_users = has_users
        self.see(epoch)

    def see(self, epoch: int) -> None:
        """Take note of the epoch that a change of this process has made; an older one changes nothing."""
        self.epoch = max(self.epoch, epoch)
