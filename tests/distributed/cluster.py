"""Databases on the machines of Citus that PPIMS_TEST_CITUS_URL leads to: the URL of a database on
the coordinator in which Citus knows its workers, of a superuser whom every machine lets in by the
same name and password, at the addresses that Citus has for them.
"""

import os
from contextlib import suppress
from itertools import count

import psycopg

from tests.postgresql.cluster import Server

CITUS_URL = os.environ.get("PPIMS_TEST_CITUS_URL", "")
# Whether it is there that these tests run (tests/__main__.py).
IS_HERE = bool(os.environ.get("PPIMS_TEST_ON_CITUS"))
LIST_NODES = """
    SELECT nodename, nodeport FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid
"""
_numbers = count(1)


class Citus(Server):
    """The coordinator's server, and those of its workers: the first of `nodes` is the
    coordinator.
    """

    def __init__(self, url: str = CITUS_URL) -> None:
        super().__init__(url)
        with psycopg.connect(url, autocommit=True) as connection:
            nodes = connection.execute(LIST_NODES).fetchall()
        self.nodes: list[tuple[str, int]] = [(name, port) for name, port in nodes]

    def connect_node(self, node: int, database: str = "postgres") -> psycopg.Connection:
        """Connect to a machine, each statement its own transaction."""
        identity, _, _ = self.parts.netloc.rpartition("@")
        host, port = self.nodes[node]
        return psycopg.connect(f"postgres://{identity}@{host}:{port}/{database}", autocommit=True)

    def make_database(self, template: str = "template1") -> str:
        """Make an empty database on every machine, in which Citus knows them."""
        name = f"made_{os.getpid()}_{next(_numbers)}"
        for node in range(len(self.nodes)):
            with self.connect_node(node) as connection:
                connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self.join_nodes(name)
        return name

    def join_nodes(self, name: str) -> None:
        """Let Citus know all machines, in a database that each of them has."""
        for node in range(len(self.nodes)):
            with self.connect_node(node, name) as connection:
                connection.execute("CREATE EXTENSION citus")
        with self.connect_node(0, name) as connection:
            connection.execute("SELECT citus_set_coordinator_host(%s, %s)", self.nodes[0])
            for worker in self.nodes[1:]:
                connection.execute("SELECT citus_add_node(%s, %s)", worker)

    def drop_database(self, name: str) -> None:
        for node in range(len(self.nodes)):
            with suppress(psycopg.OperationalError), self.connect_node(node) as connection:
                connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def spread_tests_database(creation) -> None:
    """Let Django make the database of its tests on every machine; after the migrations `distribute`
    is to come.
    """
    make, citus = creation._create_test_db, Citus()

    def create(*arguments, **more):
        name = creation._get_test_db_name()
        citus.drop_database(name)
        assert make(*arguments, **more) == name
        for node in range(1, len(citus.nodes)):
            with citus.connect_node(node) as connection:
                connection.execute(f'CREATE DATABASE "{name}"')
        citus.join_nodes(name)
        return name

    creation._create_test_db = create
    creation._destroy_test_db = lambda name, _verbosity: citus.drop_database(name)
