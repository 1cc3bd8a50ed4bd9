"""Every address of ours, by each role and by nobody, read and sent to: what opens, and to whom.

The rows are made from the URL table. A new address has to be declared here before it passes.
"""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from customers.models import KycProposal
from customers.services import customers
from limits.models import RuleSet
from ppims.backoffice import menu
from ppims.backoffice.menu import MENU
from ppims.backoffice.urls import MOVED_ADDRESSES
from ppims.core import clock, roles
from ppims.models import Job, Operation, Processor
from ppims.services.idempotency import Call
from tests.factories import ToldFactory, draw_ref, make_notice, make_posting, make_processor
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = pytest.mark.django_db
ROLES = frozenset(roles.ROLES)
NOBODY = "nobody"
ANY_ROLE = ROLES | {NOBODY}
NO_ROLE: frozenset[str] = frozenset()

CUSTOMER = 482_915_307_264_158

# name: (who may GET, who may POST, what the address takes)
OPEN_TO = {
    "api:docs": (ANY_ROLE, NO_ROLE, []),
    "api:operation": (ANY_ROLE, ANY_ROLE, ["check-customer-limit"]),
    "api:openapi": (ANY_ROLE, NO_ROLE, []),
    "healthz": (ANY_ROLE, NO_ROLE, []),
    "readyz": (ANY_ROLE, NO_ROLE, []),
    "home": (ROLES, NO_ROLE, []),
    "login": (ANY_ROLE, ANY_ROLE, []),
    "logout": (ANY_ROLE, ANY_ROLE, []),
    "password_change": (ROLES, ROLES, []),
    "second-factor": (ANY_ROLE, ANY_ROLE, []),  # not there, where none is asked for
    "recovery-codes": (ROLES, ROLES, []),
    "stay": (NO_ROLE, ROLES, []),
    "sessions": (ROLES, NO_ROLE, []),
    "sessions-end": (NO_ROLE, ROLES, []),
    "work": (ROLES, NO_ROLE, []),
    "settings": (ROLES, NO_ROLE, []),
    "limits": (ROLES, NO_ROLE, []),
    "limits-change": ({"admin"}, {"admin"}, []),
    "limits-effect": (ROLES, {"admin"}, [1]),
    "limits-pack": ({"admin"}, {"admin"}, ["limit_rules_rbi_2021"]),
    "processors": (ROLES, NO_ROLE, []),
    "processor": (ROLES, NO_ROLE, [1]),
    "processor-new": ({"admin"}, {"admin"}, []),
    "processor-change": ({"admin"}, {"admin"}, [1, "disable"]),
    "processor-sheet": ({"admin"}, {"admin"}, [1]),
    "audit": ({"auditor", "admin"}, NO_ROLE, []),
    "audit-entry": ({"auditor", "admin"}, NO_ROLE, [1]),
    "audit-export": (NO_ROLE, {"auditor"}, []),
    "audit-proof": ({"auditor", "admin"}, NO_ROLE, []),
    "audit-seal": (NO_ROLE, {"auditor", "admin"}, []),
    "audit-verify": (NO_ROLE, {"auditor", "admin"}, []),
    "seals": ({"auditor", "admin"}, NO_ROLE, []),
    "seal-file": ({"auditor", "admin"}, NO_ROLE, [1]),
    "job": ({"auditor", "admin"}, NO_ROLE, [1]),
    "overview": (ROLES, NO_ROLE, []),
    "demo": (ROLES, ROLES, []),
    "reports": (ROLES - {"viewer"}, NO_ROLE, []),
    "reports-export": (NO_ROLE, ROLES - {"viewer"}, []),
    "reconciliations": (ROLES - {"viewer"}, NO_ROLE, []),
    "reconciliation-bring": ({"maker"}, {"maker"}, []),
    "reconciliation-template": (ROLES - {"viewer"}, NO_ROLE, []),
    "reconciliation": (ROLES - {"viewer"}, NO_ROLE, [1]),
    "reconciliation-export": (NO_ROLE, ROLES - {"viewer"}, [1]),
    "difference": (ROLES - {"viewer"}, {"maker"}, [1]),
    "reviews": (ROLES, NO_ROLE, []),
    "review": (ROLES, {"maker"}, [1]),
    "flagged": (ROLES, NO_ROLE, []),
    "flagged-posting": (ROLES, {"maker"}, [1]),
    "calls": (ROLES - {"viewer"}, NO_ROLE, []),
    "call": (ROLES - {"viewer"}, NO_ROLE, [1]),
    "refused-reports": (ROLES, NO_ROLE, []),
    "refused-report": (ROLES, {"maker"}, [1]),
    "notices": (ROLES, NO_ROLE, []),
    "notice": (ROLES, {"maker"}, [1]),
    "transactions": (ROLES, NO_ROLE, []),
    "transaction": (ROLES, NO_ROLE, ["check", 1]),
    "transaction-explain": ({"auditor", "admin"}, NO_ROLE, ["check", 1]),
    "search": (ROLES, ROLES, []),
    "search-results": (ROLES, NO_ROLE, ["no-such-search"]),
    "customers": (ROLES, NO_ROLE, []),
    "customers-export": (NO_ROLE, {"auditor"}, []),
    "customer": (ROLES, NO_ROLE, [CUSTOMER]),
    "customer-reveal": ({"maker", "auditor"}, {"maker", "auditor"}, [CUSTOMER]),
    "transactions-export": (NO_ROLE, {"auditor"}, []),
    "customer-statement": (NO_ROLE, {"auditor"}, [CUSTOMER]),
    "customer-note": ({"maker"}, {"maker"}, [CUSTOMER]),
    "onboard": ({"maker"}, {"maker"}, []),
    "customer-edit": ({"maker"}, {"maker"}, [CUSTOMER]),
    "customer-kyc": ({"maker"}, {"maker"}, [CUSTOMER]),
    "customer-correct": ({"maker"}, {"maker"}, [CUSTOMER]),
    "customer-block": ({"maker"}, {"maker"}, [CUSTOMER]),
    "customer-unblock": ({"maker"}, {"maker"}, [CUSTOMER]),
    "staff": ({"admin"}, NO_ROLE, []),
    "staff-add": ({"admin"}, {"admin"}, []),
    "staff-member": ({"admin"}, NO_ROLE, [1]),
    "staff-sessions-end": (NO_ROLE, {"admin"}, [1]),
    "staff-change": ({"admin"}, {"admin"}, [1, "role"]),
    "staff-password": ({"admin"}, {"admin"}, [1]),
    "keys": ({"admin"}, NO_ROLE, []),
    "key-new": ({"admin"}, {"admin"}, ["document"]),
    "customer-merge": ({"maker"}, {"maker"}, [CUSTOMER]),
    "customer-unmerge": ({"maker"}, {"maker"}, [CUSTOMER]),
    "imports": (ROLES, NO_ROLE, []),
    "import-new": ({"maker"}, {"maker"}, []),
    "import-template": ({"maker"}, NO_ROLE, []),
    "import-file": (ROLES, {"maker"}, [1]),
    "import-go-on": (NO_ROLE, {"maker"}, [1]),
    "import-refused": (NO_ROLE, {"maker"}, [1]),
    "approvals": (ROLES, NO_ROLE, []),
    "approval": (ROLES, {"maker", "checker"}, ["kyc", 1]),
}
# The admin has tests of its own; these lead to what is above, or to a file.
OTHER_TESTS_ADDRESSES = {
    *("admin/login/", "admin/logout/", "admin/password_change/", "favicon.ico"),
    "demo/<path:name>",
    *MOVED_ADDRESSES,
}


@pytest.fixture(autouse=True)
def _somebody(db, settings):
    """Let there be the customer, and the proposal, whom addresses name; in a stand-in, on any
    database.
    """
    settings.PPIMS_STAND_IN = True
    details = ToldFactory(customer_name="Meera Iyer")
    call = Call(make_processor(), Operation.ADD_CUSTOMER, draw_ref(), {})
    customers.add_customer(call=call, details=details, draw_unique_id=lambda: CUSTOMER)
    at = clock.now()
    Job.objects.create(pk=1, kind=Job.Kind.VERIFY, owner=make_user("viewer"), asked_at=at)
    KycProposal.objects.create(
        pk=1,
        customer_id=CUSTOMER,
        from_tier="P",
        from_channel="PGO",
        from_updated_on=at,
        to_tier="N",
        channel="BRN",
        reason="asked for",
        maker=make_user("maker"),
        proposed_at=at,
    )
    RuleSet.objects.create(pk=1, maker=make_user("admin"), proposed_at=at)
    make_notice(pk=1, unique_id=CUSTOMER)


def list_names():
    """Name every address of the back office."""
    found, rows = [], list(get_resolver().url_patterns)
    while rows:
        row = rows.pop()
        if isinstance(row, URLPattern):
            unnamed = {str(row.pattern)} - OTHER_TESTS_ADDRESSES
            found.extend([row.name] if row.name else unnamed)
        elif row.app_name == "api":
            found.extend(f"api:{page.name}" for page in row.url_patterns)
        elif row.app_name != "admin":
            rows.extend(row.url_patterns)
    return sorted(set(found))


def open_client(role):
    return Client() if role == NOBODY else open_browser(role)


def is_open(response, role):
    """Tell whether it opened; refused is 403 or 405, and to nobody a redirect to the log-in."""
    leads_to_log_in = response.get("Location", "").startswith(f"{reverse(settings.LOGIN_URL)}?")
    if role == NOBODY and response.status_code == 302 and leads_to_log_in:
        return False
    # 404: it would open, if there were such a row
    assert response.status_code in {200, 204, 302, 403, 404, 405, 422}, response.status_code
    return response.status_code not in {403, 405}


def test_every_address_is_declared_and_no_other():
    assert list_names() == sorted(OPEN_TO)


@pytest.mark.parametrize("role", sorted(ANY_ROLE))
@pytest.mark.parametrize("name", list_names())
def test_it_opens_to_whom_it_should_and_to_nobody_else(name, role):
    may_read, may_send, arguments = OPEN_TO[name]
    address = reverse(name, args=arguments)
    assert is_open(open_client(role).get(address), role) == (role in may_read)
    assert is_open(open_client(role).post(address, {}), role) == (role in may_send)


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
@pytest.mark.parametrize("name", sorted(set(list_names()) - {"login", "logout"}))
def test_no_page_takes_another_method(name, method):
    address = reverse(name, args=OPEN_TO[name][2])
    assert getattr(open_browser("admin"), method)(address).status_code == 405


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_form_without_its_token_changes_nothing(role):
    client = open_browser(role)
    client.handler.enforce_csrf_checks = True
    for name, (_, may_send, arguments) in OPEN_TO.items():
        if role in may_send:
            assert client.post(reverse(name, args=arguments)).status_code == 403, name


# The menu.

FIVE_PLACES = ["Overview", "Customers", "Transactions", "Work", "Settings"]
WORK_TABS = ["Flagged", "Reviews", "Approvals", "Refused reports", "Notices"]
SETTINGS_TABS = {role: ["Limits", "Processors"] for role in ROLES} | {
    "auditor": ["Limits", "Processors", "Audit"],
    "admin": ["Limits", "Processors", "Staff", "Keys", "Audit", "Admin"],
}


def read_labels(page, part):
    return [str(place["item"].label) for place in page.context["frame"][part]]


def read_counts(page):
    return {str(tab["item"].label): tab["count"] for tab in page.context["frame"]["tabs"]}


@pytest.mark.parametrize("role", sorted(ROLES))
@pytest.mark.parametrize("is_stand_in", [False, True])
def test_the_menu_has_five_places_a_stand_in_one_more_and_each_opens(role, settings, is_stand_in):
    settings.PPIMS_STAND_IN = is_stand_in
    client = open_browser(role)
    page = client.get("/overview")
    assert read_labels(page, "menu") == [*FIVE_PLACES, *["Demo"] * is_stand_in]
    for place in page.context["frame"]["menu"]:
        assert client.get(place["url"], follow=True).status_code == 200, place["url"]


@pytest.mark.parametrize("role", sorted(ROLES))
@pytest.mark.parametrize("place", ["work", "settings"])
def test_a_place_with_tabs_leads_to_the_first_and_has_those_that_the_role_may_open(role, place):
    client, labels = open_browser(role), WORK_TABS if place == "work" else SETTINGS_TABS[role]
    page = client.get(f"/{place}", follow=True)
    assert read_labels(page, "tabs") == labels
    tabs = page.context["frame"]["tabs"]
    assert [tab["is_here"] for tab in tabs] == [True] + [False] * (len(tabs) - 1)
    for tab in tabs:
        assert client.get(tab["url"]).status_code == 200, tab["url"]


def test_what_waits_is_counted_beside_its_tab_and_its_sum_in_the_menu():
    page = open_browser("viewer").get("/work/reviews")
    assert read_counts(page) == {
        "Flagged": 0,
        "Reviews": 0,
        "Approvals": 2,
        "Refused reports": 0,
        "Notices": 1,
    }
    (work,) = [it for it in page.context["frame"]["menu"] if str(it["item"].label) == "Work"]
    assert work["count"] == 3
    assert "Work 3 Settings" in read_words(page)
    assert "Flagged 0 Reviews 0 Approvals 2 Refused reports 0 Notices 1" in read_words(page)


def test_a_page_below_a_tab_has_no_tabs():
    page = open_browser("viewer").get("/work/approvals/kyc/1")
    assert page.context["frame"]["tabs"] == []
    assert '<nav class="tabs"' not in page.content.decode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/limits", "/settings/limits"),
        ("/calls?processor=ENT", "/settings/processors/calls?processor=ENT"),
        ("/approvals/kyc/1", "/work/approvals/kyc/1"),
        ("/overview/flagged?done=1", "/work/flagged?done=1"),
        ("/overview/refused/3", "/work/refused/3"),
    ],
)
def test_where_a_page_was_before_leads_to_it(old, new):
    assert open_browser("viewer").get(old)["Location"] == new


def test_the_frame_says_who_one_is_what_one_may_do_and_that_it_is_a_demo():
    client = open_browser("checker")
    page = client.get("/settings/limits")
    words = read_words(page)
    assert "DEMO Search customers and transactions Search" in words
    assert (
        f"{page.wsgi_request.user.username} checker Change password Your sessions Log out" in words
    )
    assert 'aria-current="page"' in page.content.decode().split("</nav>")[0]


def test_who_is_not_logged_in_sees_no_menu():
    page = Client().get("/log-in").content.decode()
    assert "<nav" not in page
    assert "Log out" not in page


@pytest.mark.parametrize(
    ("here", "url", "is_in"),
    [
        ("/customers", "/customers", True),
        ("/customers/482915307264158", "/customers", True),
        ("/customers-of-another", "/customers", False),
        ("/admin/ppims/processor/", "/admin/", True),
        ("/", "/", True),
        ("/settings/limits", "/settings", True),
        ("/work/flagged/3", "/work", True),
        ("/settings/limits", "/", False),
    ],
)
def test_a_place_of_the_menu_is_current_on_the_pages_below_it(here, url, is_in):
    assert menu._is_in(here, url) == is_in


def test_on_boarding_belongs_to_the_customers_in_the_menu():
    customers = next(item for item in MENU if item.url_name == "customers")
    assert menu._is_here("/onboard", customers)
    assert not menu._is_here("/settings/limits", customers)


def test_the_counts_of_work_are_fresh_on_its_own_pages():
    make_posting(Processor.objects.get(), CUSTOMER, 100)  # unchecked: flagged
    page = open_browser("viewer").get("/work/flagged")
    assert read_counts(page)["Flagged"] == 1
