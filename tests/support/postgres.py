"""A PostgreSQL server of its own for a test, where one is installed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

PASSWORD = "hunter2-of-the-test"


def why_not() -> str | None:
    """Say why no server can be started here, if none can."""
    if find_spec("psycopg") is None:
        return "psycopg is not installed: pip install 'agentctl[sql]'"
    if _binaries() is None:
        return "PostgreSQL is not installed"
    if os.geteuid() == 0 and _user() is None:
        return "PostgreSQL does not run as root, and there is no other user to run it as"
    return None


@contextmanager
def serving() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a server on loopback; yield its address and its process."""
    found, user = _binaries(), _user()
    assert found is not None
    folder = Path(tempfile.mkdtemp(prefix="agentctl-pg-"))
    (folder / "password").write_text(PASSWORD)
    if user is not None:
        for path in (folder, folder / "password"):
            shutil.chown(path, user)
    login = ["-U", "app", "-A", "scram-sha-256", f"--pwfile={folder}/password"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    try:
        subprocess.run(
            [found / "initdb", "-D", folder / "data", "-N", "-E", "UTF8", "--no-locale", *login],
            check=True,
            user=user,
            **quiet,  # type: ignore[call-overload]
        )
        port = _free_port()
        settings = ["-F", "-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
        server = subprocess.Popen(
            [found / "postgres", "-D", folder / "data", "-k", folder, *settings],
            user=user,
            **quiet,  # type: ignore[call-overload]
        )
        try:
            _wait(port)
            yield f"postgresql://app:{PASSWORD}@127.0.0.1:{port}/postgres", server
        finally:
            server.terminate()  # children are told by it
            server.send_signal(3)  # at once, whoever is connected
            server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path | None:
    """Return the folder of the newest server."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places += [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    for place in places:
        if (place / "initdb").is_file() and (place / "postgres").is_file():
            return place
    return None


def _user() -> str | None:
    """Return whom root starts it as."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait(port: int) -> None:
    for _ in range(200):
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(0.2)  # it accepts before it is ready
                return
        time.sleep(0.05)
    raise TimeoutError("PostgreSQL does not answer")
