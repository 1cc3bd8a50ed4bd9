"""Files of comma-separated values that staff take away, for spreadsheets."""

import csv
from collections.abc import Iterable, Iterator, Sequence

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from ppims.core.csv_cells import quote_formula

BYTE_ORDER_MARK = "\ufeff"  # so that spreadsheets read UTF-8
CONTENT_TYPE = "text/csv; charset=utf-8"


class _Echo:
    """Gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def send_file(name: str, head: Sequence[object], rows: Iterable[Sequence[str]]) -> HttpResponse:
    """Answer with a file that is made whole."""
    whole = "".join(write_parts(head, [rows]))
    response = HttpResponse(whole, content_type=CONTENT_TYPE)
    _name_file(response, name)
    return response


def stream_file(
    name: str, head: Sequence[object], batches: Iterable[Iterable[Sequence[str]]]
) -> StreamingHttpResponse:
    """Answer with a file that is made while it is sent, a batch of rows at a time."""
    return stream_text(name, write_parts(head, batches), CONTENT_TYPE)


def stream_text(name: str, parts: Iterable[str], content_type: str) -> StreamingHttpResponse:
    """Answer with a file of these parts, each made when the one before it was taken."""
    response = StreamingHttpResponse(parts, content_type=content_type)
    _name_file(response, name)
    return response


def write_parts(
    head: Sequence[object], batches: Iterable[Iterable[Sequence[str]]]
) -> Iterator[str]:
    """Write the head, and then each batch of rows as one text."""
    writer = csv.writer(_Echo())
    yield BYTE_ORDER_MARK + writer.writerow([str(name) for name in head])
    for rows in batches:
        yield "".join([writer.writerow(map(quote_formula, row)) for row in rows])


def _name_file(response: HttpResponseBase, name: str) -> None:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
