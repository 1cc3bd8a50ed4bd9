"""Every check, entry, head and audit entry is signed over all its fields, and entries are
chained.
"""

import pytest
from django.conf import settings

from limits.models import LedgerEntry, LedgerHead, LimitCheck, MonthlyUsage
from ppims.core.chain import Walk, find_head_problem, sign_link, sign_row
from ppims.core.keys import Key
from ppims.db.signed_rows import list_fields, list_values
from ppims.models import AuditEntry, AuditHead, ReplayKey
from tests.factories import make_check, make_customer, make_posting, make_processor

pytestmark = pytest.mark.django_db
KEY = settings.PPIMS_LEDGER_KEYS[0]


@pytest.fixture
def history():
    ent = make_processor("ENT")
    unique_id = make_customer(ent)
    make_check(ent, unique_id, 200_000, ref_id="C1")
    make_posting(ent, unique_id, 200_000, enquiry="C1", tran_id="T1")
    make_posting(ent, unique_id, 50_000, tran_id="T2")
    make_posting(ent, unique_id, 50_000, kind="R", tran_id="T2")
    return unique_id


def read_said(row, operation):
    """Give what a row's Ref_Id said."""
    return bytes(ReplayKey.objects.get(operation=operation, row_id=row.pk).digests)


def test_each_entry_is_chained_to_the_one_before(history):
    previous = b""
    for place, entry in enumerate(
        LedgerEntry.objects.filter(customer=history).order_by("number"), start=1
    ):
        assert entry.number == place
        values, said = list_values(entry), read_said(entry, "UL")
        assert bytes(entry.digest) == sign_link(KEY, "entry", values, previous, said)
        previous = bytes(entry.digest)
    head = LedgerHead.objects.get(pk=history)
    assert (head.entry_count, head.check_count, bytes(head.last_digest)) == (3, 1, previous)
    assert bytes(head.mac) == sign_row(KEY, "head", list_values(head))


@pytest.mark.parametrize("name", list_fields(LedgerEntry))
def test_an_entry_with_another_field_has_another_digest(history, name):
    entry = LedgerEntry.objects.filter(customer=history, kind="R").get()
    before = sign_link(KEY, "entry", list_values(entry), b"", b"")
    _change(entry, name)
    assert sign_link(KEY, "entry", list_values(entry), b"", b"") != before


@pytest.mark.parametrize("name", list_fields(LimitCheck))
def test_a_check_with_another_field_has_another_signature(history, name):
    row = LimitCheck.objects.get(customer=history)
    said = read_said(row, "CL")
    assert bytes(row.mac) == sign_row(KEY, "check", list_values(row), said)
    _change(row, name)
    assert bytes(row.mac) != sign_row(KEY, "check", list_values(row), said)


def test_what_a_ref_id_said_is_signed_and_so_is_that_it_is(history):
    row = LimitCheck.objects.get(customer=history)
    entry = LedgerEntry.objects.filter(customer=history).first()
    values, of_entry = list_values(row), list_values(entry)
    said = [None, b"", b"a", read_said(row, "CL")]
    assert len({sign_row(KEY, "check", values, each) for each in said}) == len(said)
    assert len({sign_link(KEY, "entry", of_entry, b"", each) for each in said}) == len(said)


def test_audit_entries_are_chained_per_customer(history):
    previous = b""
    for entry in AuditEntry.objects.filter(subject=history).order_by("number"):
        assert bytes(entry.mac) == sign_link(KEY, "audit", list_values(entry), previous)
        previous = bytes(entry.mac)
    head = AuditHead.objects.get(pk=history)
    assert previous
    assert bytes(head.last_mac) == previous
    assert bytes(head.mac) == sign_row(KEY, "audit head", list_values(head))


def test_a_missing_usage_row_is_summed_and_never_taken_as_zero(history):
    ent = LedgerEntry.objects.filter(customer=history).first().processor
    assert MonthlyUsage.objects.get(customer=history).debit_paise == 200_000
    MonthlyUsage.objects.all().delete()
    answer, _ = make_check(ent, history, 1)
    assert (answer.used_paise, answer.cumulative_paise) == (200_000, 200_001)
    make_posting(ent, history, 1)
    assert MonthlyUsage.objects.get(customer=history).debit_paise == 200_001


# Without rows: ppims/core/chain.py.

VALUES = (7, 1, "a", None, b"x")
STRANGER = Key.from_base64("A" * 43 + "=")
KEYS_BY_NAME = {KEY.id: KEY}


@pytest.mark.parametrize(
    ("kind", "said", "mac"),
    [
        ("check", None, "8cfae2fac662ff11"),
        ("check", b"s", "e11305efa39db049"),
        ("head", None, "1a67caf6f445fb2c"),
        ("audit head", None, "62bb1341d88634e9"),
    ],
)
def test_a_row_is_signed_as_ever(kind, said, mac):
    assert sign_row(STRANGER, kind, VALUES, said).hex().startswith(mac)


@pytest.mark.parametrize(
    ("kind", "said", "mac"),
    [
        ("entry", None, "a38e2951efce9fa8"),
        ("entry", b"s", "38aac6e307c2f4e7"),
        ("seal", None, "e30488c848293e34"),
        ("audit", None, "f669b28cb668303e"),
    ],
)
def test_a_link_is_signed_as_ever(kind, said, mac):
    assert sign_link(STRANGER, kind, VALUES, b"p", said).hex().startswith(mac)


def make_chain(*texts, key=KEY):
    """Make the links of a chain of entries as a walk takes them: values, number, key and mac."""
    links, previous = [], b""
    for number, text in enumerate(texts, start=1):
        previous = sign_link(key, "entry", (number, text), previous)
        links.append([(number, text), number, key.id, previous])
    return links


def follow(links, ring=KEYS_BY_NAME):
    """Walk through links: what is wrong with each, and the walk."""
    walk = Walk(ring, "entry", mac_name="digest")
    return [walk.follow(*link) for link in links], walk


def test_a_walk_finds_nothing_wrong_with_a_chain_and_knows_its_end():
    links = make_chain("a", "b", "c")
    problems, walk = follow(links)
    assert problems == [None, None, None]
    assert (walk.count, walk.last_mac) == (3, links[-1][-1])


def test_a_link_out_of_order_is_found_and_so_is_the_next_in_its_place():
    first, second, third = make_chain("a", "b", "c")
    assert follow([first, third, second])[0] == [
        None,
        "its number is 3, expected 2",
        "its number is 2, expected 4",
    ]


def test_a_link_that_is_gone_is_found_at_the_next_alone():
    first, _, third, fourth = make_chain("a", "b", "c", "d")
    assert follow([first, third, fourth])[0] == [None, "its number is 3, expected 2", None]


def test_a_link_of_another_chain_is_found_and_the_next_no_longer_fits():
    links, others = make_chain("a", "b", "c"), make_chain("z", "b", "c")
    links[1] = others[1]
    first, second, third = follow(links)[0]
    assert first is None
    assert second.startswith(f"its digest is {others[1][-1].hex()}, expected ")
    assert third.startswith("its digest is ")


def test_another_value_is_found_and_its_cause_is_said_where_it_is_known():
    values, *rest = make_chain("a")[0]
    changed = (*values[:-1], "b")
    assert Walk(KEYS_BY_NAME, "entry").follow(changed, *rest).startswith("its mac is ")
    assert Walk(KEYS_BY_NAME, "entry").follow(changed, *rest, cause="it was me") == "it was me"
    assert Walk(KEYS_BY_NAME, "entry").follow(values, *rest, cause="it was me") is None
    assert Walk(KEYS_BY_NAME, "check").follow(values, *rest).startswith("its mac is ")


def test_a_key_that_is_not_at_hand_is_named_and_no_cause_is_sought():
    links = make_chain("a", "b", key=STRANGER)
    missing = f"its key {STRANGER.id} is not at hand"
    assert follow(links)[0] == [missing, missing]
    assert Walk(KEYS_BY_NAME, "entry").follow(*links[0], cause="it was me") == missing
    assert follow(links, {STRANGER.id: STRANGER})[0] == [None, None]


def test_rows_that_are_no_links_stand_each_for_itself():
    walk = Walk(KEYS_BY_NAME, "check", is_linked=False)
    for number, said in enumerate([None, b"", b"s"], start=1):
        mac = sign_row(KEY, "check", (number,), said)
        assert walk.follow((number,), number, KEY.id, mac, said=said) is None


def test_a_head_says_how_far_its_chain_goes_and_is_signed():
    _, walk = follow(make_chain("a", "b"))

    def judge(count, key=KEY, kind="head"):
        values = (7, count, walk.last_mac)
        head = (*values, key.id, sign_row(key, kind, values))
        return find_head_problem(KEYS_BY_NAME, "head", head, [("its count", count, walk.count)])

    assert judge(2) is None
    assert judge(3) == "its count is 3, expected 2"
    assert judge(2, key=STRANGER) == f"its key {STRANGER.id} is not at hand"
    assert judge(2, kind="audit head").startswith("its mac is ")


def test_a_head_with_the_mac_of_another_is_found():
    mac = sign_row(KEY, "head", (8, 2))
    problem = find_head_problem(KEYS_BY_NAME, "head", (7, 2, KEY.id, mac), [])
    assert problem == f"its mac is {mac.hex()}, expected {sign_row(KEY, 'head', (7, 2)).hex()}"


def test_a_head_that_says_nothing_is_that_of_an_empty_chain():
    head = (7, None, KEY.id, sign_row(KEY, "head", (7, None)))
    assert find_head_problem(KEYS_BY_NAME, "head", head, [("its last instant", None, 0)]) is None


def _change(row, name):
    value = getattr(row, name)
    if isinstance(value, bool):
        changed = not value
    elif hasattr(value, "replace") and hasattr(value, "year"):
        changed = value.replace(year=value.year + 1)
    elif isinstance(value, int):
        changed = value + 1
    else:
        changed = "other" if value else "something"
    setattr(row, name, changed)
