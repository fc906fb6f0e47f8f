"""A server in a container, through testcontainers, for any Postgres image."""

import contextlib
import os
import secrets
import socket

import docker
import psycopg
import requests
from psycopg.conninfo import make_conninfo

from cronproof.cleanup import CONTAINER_LABEL, HOST_LABEL, Guard, sweep, sweep_containers
from cronproof.errors import EnvironmentFailed

DEFAULT_IMAGE = "postgres:18"


def start(image: str, guard: Guard) -> str:
    """Starts a container of `image`, watched by the guard, and returns the conninfo of its superuser.

    Raises:
        EnvironmentFailed: no Docker engine answers, or the image or its server does not start.
    """
    # Our guard removes the container; testcontainers' own reaper would be one more image to pull.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415  (reads its settings on import)

    try:
        with contextlib.closing(docker.from_env()) as client:
            client.ping()
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EnvironmentFailed(
            f"no Docker engine answers ({error}); start one, or use --postgres embedded or a DSN"
        ) from None
    sweep()
    sweep_containers()
    password = secrets.token_urlsafe(16)
    labels = {CONTAINER_LABEL: str(guard.folder), HOST_LABEL: socket.gethostname()}
    postgres = PostgresContainer(image, username="postgres", password=password, dbname="postgres", driver=None)
    postgres.with_kwargs(labels=labels)
    guard.watch(containers=str(guard.folder))
    try:
        postgres.start()
    except docker.errors.ImageNotFound:
        raise EnvironmentFailed(f"there is no image {image!r}, here or in its registry") from None
    except (docker.errors.DockerException, requests.RequestException, TimeoutError) as error:
        raise EnvironmentFailed(f"no Postgres from image {image!r}: {error}") from None
    host, port = postgres.get_container_host_ip(), postgres.get_exposed_port(5432)
    conninfo = make_conninfo(host=host, port=port, user="postgres", password=password, dbname="postgres")
    try:
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=10) as connection:
            for setting in ("fsync", "synchronous_commit", "autovacuum"):  # no data is kept
                connection.execute(f"alter system set {setting} = off")
            connection.execute("alter system set deadlock_timeout = '1ms'")  # see embedded.py
            connection.execute("select pg_reload_conf()")
    except psycopg.Error as error:
        raise EnvironmentFailed(f"the Postgres of image {image!r} does not answer at {host}:{port}: {error}") from None
    return conninfo
