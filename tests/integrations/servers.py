"""Real servers for a test module: on loopback, on a free port, in a folder of their own, gone with the module."""

import contextlib
import functools
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

START_WITHIN = 30.0
"""Seconds that a server has to answer."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str, package: str, *folders: str) -> str:
    """Where a program is. Without it the test is skipped and says which package has it."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is missing: `apt-get install {package}`")
    return found


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
        return True
    return False


@contextlib.contextmanager
def running(
    command: list[str],
    ready: Callable[[], bool],
    user: str | None = None,
    environment: dict[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[None]:
    """Run `command` until the block ends; it begins once `ready` holds. A server that doesn't come up fails the test."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        user=user,
        env=environment,
        cwd=folder,
    )
    try:
        give_up = time.monotonic() + START_WITHIN
        while not ready():
            if process.poll() is not None or time.monotonic() > give_up:
                process.kill()
                output = process.communicate(timeout=10)[0].decode(errors="replace")
                pytest.fail(f"{command[0]} did not come up: {output[-2_000:]}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate(timeout=10)


@contextlib.contextmanager
def redis_server() -> Iterator[int]:
    """A Redis; its port."""
    command = [program("redis-server", "redis-server"), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
    port = free_port()
    with running([*command, "--port", str(port)], lambda: answers(port)):
        yield port


@contextlib.contextmanager
def redis_cluster(folder: Path) -> Iterator[int]:
    """A Redis cluster of three nodes; the port of one."""
    server, client = program("redis-server", "redis-server"), program("redis-cli", "redis-tools")
    with contextlib.ExitStack() as nodes:
        ports = []
        for number in range(3):
            port, home = free_port(), folder / f"node-{number}"
            home.mkdir()
            command = [server, "--cluster-enabled", "yes", "--save", "", "--bind", "127.0.0.1", "--dir", str(home)]
            command += ["--port", str(port), "--cluster-port", str(free_port())]
            nodes.enter_context(running(command, functools.partial(answers, port)))
            ports.append(port)
        addresses = [f"127.0.0.1:{port}" for port in ports]
        making = [client, "--cluster", "create", *addresses, "--cluster-yes"]
        subprocess.run(making, check=True, capture_output=True, timeout=90)
        asking = [client, "-p", str(ports[0]), "cluster", "info"]
        give_up = time.monotonic() + START_WITHIN
        while "cluster_state:ok" not in subprocess.run(asking, capture_output=True, text=True, check=True).stdout:
            assert time.monotonic() < give_up, "the cluster did not come up"
        yield ports[0]


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """An MQTT broker; its port."""
    command = program("mosquitto", "mosquitto", "/usr/sbin")
    port = free_port()
    configuration = folder / "mosquitto.conf"
    configuration.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser {user_name()}\n"
    )
    with running([command, "-c", str(configuration)], lambda: answers(port)):
        yield port


def user_name() -> str:
    """Who runs the tests: a server that root starts would else go on as somebody who can't read its folder."""
    return pwd.getpwuid(os.getuid()).pw_name


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL; a connection string. It refuses to run as root, so that root hands it to another user."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places = [str(home) for home in homes]
    initdb = program("initdb", "postgresql", *places)
    server = program("postgres", "postgresql", *places)
    user = None
    if os.geteuid() == 0:
        user = next(
            (name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()}), None
        )
        if user is None:
            pytest.skip("PostgreSQL doesn't run as root, and there is no user postgres or nobody")
    data = folder / "data"
    data.mkdir()
    if user is not None:
        shutil.chown(data, user)
        for parent in (folder, *folder.parents):
            if parent.owner() == "root" and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    making = [initdb, "--pgdata", str(data), "--username", "shop", "--auth", "trust", "--no-sync", "--encoding", "UTF8"]
    subprocess.run(making, check=True, capture_output=True, timeout=60, user=user, cwd=data)
    port = free_port()
    command = [server, "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    command += ["-c", f"unix_socket_directories={data}", "-c", "fsync=off"]
    isready = [program("pg_isready", "postgresql", *places), "-h", "127.0.0.1", "-p", str(port), "-q"]
    with running(command, lambda: subprocess.run(isready, check=False, timeout=10).returncode == 0, user):
        yield f"postgresql://shop@127.0.0.1:{port}/postgres"


@contextlib.contextmanager
def rabbitmq(folder: Path) -> Iterator[int]:
    """A RabbitMQ; its AMQP port. Its epmd, which would outlive it as a daemon, ends with it, too."""
    command = program("rabbitmq-server", "rabbitmq-server", "/usr/lib/rabbitmq/bin")
    if command.startswith("/usr/sbin"):  # Debian's wrapper becomes another user, who can't read the folder
        command = program("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
    port, names, between = free_port(), free_port(), free_port()
    environment = {
        **os.environ,
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"kit{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(between),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
    }
    (folder / "plugins").write_text("[].\n")
    mapper = [program("epmd", "erlang-base"), "-port", str(names), "-address", "127.0.0.1"]
    with running(mapper, lambda: answers(names)), running([command], lambda: answers(port), environment=environment):
        yield port
