"""Customers, Import: a file goes from the browser to the disk encrypted as it comes, from whom may,
and whole; what came of it is shown without anything that a row says.
"""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from customers.models import CustomerImport, ImportFile
from customers.services import imports
from ppims.core import uploads
from ppims.maintenance.jobs import run_next
from ppims.models import AuditEntry, Job
from tests.customer_files import keep_and_read, make_row, write_file
from tests.factories import make_processor
from tests.web.admin_pages import open_browser
from tests.web.users import make_user_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.PPIMS_DATA_DIR = tmp_path
    return tmp_path / "imports"


@pytest.fixture
def ent():
    return make_processor("ENT")


def list_kept(folder):
    return sorted(path.suffix for path in folder.iterdir()) if folder.exists() else []


def send(client, processor, content):
    file = SimpleUploadedFile("list.csv", content, content_type="text/csv")
    return client.post(reverse("import-new"), {"processor": processor.pk, "file": file})


def test_the_address_that_takes_a_file_is_the_one_that_servers_let_through():
    assert reverse("import-new") in uploads.UPLOAD_PATHS


def test_a_file_is_kept_encrypted_and_read_by_a_job(ent, folder):
    client, content = open_browser("maker"), write_file(make_row(1, Customer_Name="Kavya Roy"))
    response = send(client, ent, content)
    file = ImportFile.objects.get()
    assert response["Location"] == reverse("import-file", args=[file.pk])
    assert (list_kept(folder), file.size_bytes) == ([".rows"], len(content))
    assert not any(b"Kavya" in path.read_bytes() for path in folder.iterdir())
    assert run_next("one").kind == Job.Kind.IMPORT_READ
    file.refresh_from_db()
    assert file.new_count == 1


def test_what_is_too_much_empty_or_none_is_refused_and_nothing_is_left(ent, folder, settings):
    client = open_browser("maker")
    settings.PPIMS_FILE_BYTES = 1000
    for content, said in ((b"x" * 1001, "larger"), (b"", "empty")):
        response = send(client, ent, content)
        assert response.status_code == 422
        assert said in response.content.decode()
        assert list_kept(folder) == []
    assert client.post(reverse("import-new"), {"processor": ent.pk}).status_code == 422
    assert send(client, ent, b"x" * 1000).status_code == 302
    assert (list_kept(folder), ImportFile.objects.count()) == ([".rows"], 1)


def test_a_file_without_its_form_s_token_or_processor_leaves_nothing(ent, folder):
    client = open_browser("maker")
    assert (
        client.post(
            reverse("import-new"), {"processor": "", "file": io.BytesIO(b"x,y\n")}
        ).status_code
        == 422
    )
    client.handler.enforce_csrf_checks = True
    assert send(client, ent, b"x,y\n").status_code == 403
    assert (list_kept(folder), ImportFile.objects.count()) == ([], 0)


@pytest.mark.parametrize("role", ["checker", "auditor", None])
def test_whose_role_it_is_not_is_sent_away_before_a_byte_is_read(ent, folder, role):
    client = open_browser(role) if role else Client()

    def read(_):
        raise AssertionError("it was read")

    request = {
        "wsgi.input": uploads.Body(read, 100),
        "CONTENT_TYPE": "multipart/form-data; boundary=x",
        "CONTENT_LENGTH": "100",
    }
    response = client.generic("POST", reverse("import-new"), **request)
    assert response.status_code == (403 if role else 302)


def test_half_a_file_does_not_count_as_a_file(ent, folder):
    whole = (
        b'--x\r\nContent-Disposition: form-data; name="processor"\r\n\r\n%d\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        % ent.pk
        + write_file(make_row())
    )
    pieces = io.BytesIO(whole)
    body = uploads.Body(pieces.read, len(whole) + 100)
    response = open_browser("maker").generic(
        "POST",
        reverse("import-new"),
        CONTENT_TYPE="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(len(whole) + 100),
        **{"wsgi.input": body},
    )
    assert response.status_code == 400
    assert (list_kept(folder), ImportFile.objects.count()) == ([], 0)


def test_refused_rows_are_shown_without_what_they_say_and_taken_on_record(ent):
    row = make_row(1, Customer_Name="Secret Name", Mobile_Number="1234567890")
    file = keep_and_read(write_file(row, make_row(2)), ent, make_user_of("maker"))
    client = open_browser("maker")
    page = client.get(reverse("import-file", args=[file.pk])).content.decode()
    assert "Mobile_Number must be" in page
    assert ("Secret Name" in page, "1234567890" in page) == (False, False)
    address = reverse("import-refused", args=[file.pk])
    assert open_browser("checker").post(address).status_code == 403
    taken = client.post(address)
    assert b"Secret Name" in b"".join(taken.streaming_content)
    assert "no-store" in taken["Cache-Control"]
    assert AuditEntry.objects.filter(action="refused rows exported").count() == 1


def test_it_is_proposed_with_a_reason_and_a_failed_one_goes_on(ent):
    maker = make_user_of("maker")
    file = keep_and_read(write_file(make_row()), ent, maker)
    client, address = open_browser("maker"), reverse("import-file", args=[file.pk])
    assert client.post(address, {"reason": ""}).status_code == 422
    assert client.post(address, {"reason": "They move to us"}).status_code == 302
    assert client.post(address, {"reason": "Once more"}).status_code == 422
    proposal = CustomerImport.objects.get()
    decide = imports.IMPORT_PROPOSALS.decide
    decide(proposal_id=proposal.pk, state="APPROVED", user=make_user_of("checker"))
    Job.objects.filter(kind="IMPORT").update(state="FAILED", ended_at=file.brought_at)
    assert "Go on where it stopped" in client.get(address).content.decode()
    client.post(reverse("import-go-on", args=[file.pk]))
    assert run_next("one").state == Job.State.RUNNING
    file.refresh_from_db()
    assert (file.added_count, file.ended_at is None) == (1, False)
    assert "1 customers added" in client.get(address).content.decode()
