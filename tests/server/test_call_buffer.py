"""Refused calls are written beside all else: nobody waits for it, and it costs no fsync."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db import connection

from ppims.api import root
from ppims.db import statements
from ppims.models import KeptCall
from ppims.services import call_buffer
from tests.api.answers import NOBODY, assert_unknown
from tests.server.conftest import wait_until
from tests.server.running_server import KYC, RunningServer, encode, make_body

pytestmark = pytest.mark.django_db
ON_SQLITE = pytest.mark.only_on("sqlite", "it is about SQLite's fsyncs and turns")
LIST_KEPT = "SELECT operation, ref_id, code, fields FROM ppims_keptcall"


@ON_SQLITE
@pytest.mark.parametrize("kind", ["asgi", "gthread"])
def test_a_server_writes_them_within_seconds(prepared, tmp_path, kind):
    server = RunningServer(tmp_path, kind)
    server.set_up(prepared)
    server.start()
    server.wait_until_ready()
    try:
        reply = server.ask(encode(KYC, make_body(KYC, Ref_Id="R-1", Unique_Id=NOBODY)))
        assert (reply.status, reply.data["Resp_Code"]) == (200, "500")
        with closing(sqlite3.connect(tmp_path / "ppims.sqlite3")) as database:
            wait_until(lambda: database.execute(LIST_KEPT).fetchall())
            assert database.execute(LIST_KEPT).fetchall() == [(KYC, "R-1", "500", "")]
    finally:
        server.kill()


@ON_SQLITE
def test_their_own_connection_alone_is_without_fsyncs(grouped):
    def read_written():
        root.buffer.write()
        try:
            return statements.read_row("PRAGMA synchronous", ())
        finally:
            connection.close()

    assert_unknown(grouped.caller.call(KYC, Unique_Id=NOBODY))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(read_written).result() == (1,)
    assert KeptCall.objects.count() == 1
    full = grouped.ask(lambda: statements.read_row("PRAGMA synchronous", ())).result()
    assert full == statements.read_row("PRAGMA synchronous", ()) == (2,)


@ON_SQLITE
def test_who_is_refused_does_not_wait_for_whoever_writes(grouped):
    with grouped.hold_turn():
        assert_unknown(grouped.caller.call(KYC, Unique_Id=NOBODY))
    assert not KeptCall.objects.exists()
    root.buffer.write()
    assert KeptCall.objects.count() == 1


@pytest.mark.only_on("postgresql", "it is about PostgreSQL's fsyncs")
def test_a_transaction_of_theirs_alone_is_without_fsyncs(ent):
    said = []
    call = KeptCall(at=call_buffer.clock.now(), processor=ent.processor, operation=KYC, code="500")

    def listen(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith("INSERT"):
            said.append(statements.read_row("SHOW synchronous_commit", ()))
        return result

    with connection.execute_wrapper(listen):
        call_buffer.write([call])
    assert said == [("off",)]
