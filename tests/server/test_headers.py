"""However headers are spelt, and in whatever pieces they come: they mean what gunicorn's own reader
takes them to mean, and what it refuses is refused.
"""

from itertools import pairwise

import pytest
from gunicorn.asgi.parser import InvalidHeader, ParseError, PythonProtocol
from hypothesis import example, given
from hypothesis import strategies as st

from ppims.server.gunicorn_worker import Parser

pytestmark = pytest.mark.only_on("sqlite", "no database is asked")

START, BODY = b"POST /api HTTP/1.1\r\n", b"{}\r\n\r\nGET /more"
NAMES = [b"Host", b"content-length", b"Transfer-Encoding", b"Connection", b"X-\xe9", b"X Y", b""]
VALUES = [b"2", b"chunked", b"close", b"a, b", b"\xe9", b"\x00", b"a\rb", b"a\nb", b"\x7f", b"\x0b"]
blanks = st.text(" \t", max_size=2).map(str.encode)
names = st.sampled_from(NAMES) | st.from_regex(rb"[!#-'*+.^-z|~0-9A-Z-]{1,9}", fullmatch=True)
values = st.sampled_from(VALUES) | st.binary(max_size=12)
ends = st.sampled_from([b"\r\n"] * 9 + [b"\n", b"\r\n ", b"\r"])
colons = st.sampled_from([b":"] * 9 + [b" :", b""])
fields = st.tuples(names, colons, blanks, values, blanks, ends).map(b"".join)
blocks = st.lists(fields, max_size=7).map(b"".join)


def read(kind, pieces):
    """Tell what it takes them to mean, or what it refuses them for."""
    bodies = []
    parser = kind(
        on_headers_complete=lambda: False,
        on_body=bodies.append,
        on_message_complete=lambda: None,
        limit_request_fields=5,
        limit_request_field_size=60,
    )
    try:
        for piece in pieces:
            parser.feed(piece)
    except ParseError as error:
        return type(error), str(error)
    meant = (parser.headers, parser.content_length, parser.is_chunked, parser.should_keep_alive)
    return *meant, parser.is_complete, b"".join(bodies), bytes(parser._buffer)


@given(blocks, st.lists(st.integers(0, 120), max_size=3).map(sorted))
@example(b"Host: a\r\nContent-Length:\t2 \t\r\n", [])
@example(b"A: " + b"a" * 53 + b"\r\n", [])
@example(b"A: " + b"a" * 56 + b"\r\n", [])
@example(b"Host: a\r\n" + b"A: a\r\n" * 4, [])
@example(b"Host: a\r\n" + b"A: a\r\n" * 5, [])
@example(b"A: a\r\n", [])
@example(b"", [])
def test_they_mean_the_same_to_both(block, cuts):
    raw = START + block + b"\r\n" + BODY
    places = [0, *(cut for cut in cuts if cut < len(raw)), len(raw)]
    pieces = [raw[a:b] for a, b in pairwise(places)]
    ours, theirs = read(Parser, pieces), read(PythonProtocol, pieces)
    if ours == (InvalidHeader, "Host"):  # of these two, ours alone asks for it
        assert isinstance(theirs[0], type) or b"host" not in dict(theirs[0])
    else:
        assert ours == theirs


def test_well_formed_ones_are_read_at_once(monkeypatch):
    monkeypatch.setattr(PythonProtocol, "_is_valid_token", lambda *_: pytest.fail("one by one"))
    monkeypatch.setattr(Parser, "_is_valid_method", lambda *_: True)
    headers, length, *_ = read(Parser, [START + b"Host: a\r\nContent-Length: 2\r\n\r\n{}"])
    assert (headers, length) == ([(b"host", b"a"), (b"content-length", b"2")], 2)
