"""Every address of ours, by each role and by nobody, read and sent to: what opens, and to whom.

The rows are made from the URL table. A new address has to be declared here before it passes.
"""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from customers.models import KycProposal
from customers.services import customers
from ppims.backoffice import menu
from ppims.backoffice.menu import MENU
from ppims.core import clock, roles
from ppims.models import Operation
from ppims.services.idempotency import Call
from tests.factories import ToldFactory, make_processor, new_ref
from tests.web.admin_pages import browser_of, user_of, words_of

pytestmark = pytest.mark.django_db
ROLES = frozenset(roles.ROLES)
NOBODY = "nobody"
ANYONE = ROLES | {NOBODY}
NONE: frozenset[str] = frozenset()

CUSTOMER = 482_915_307_264_158

# name: (who may GET, who may POST, what the address takes)
OPEN = {
    "healthz": (ANYONE, NONE, []),
    "readyz": (ANYONE, NONE, []),
    "home": (ROLES, NONE, []),
    "login": (ANYONE, ANYONE, []),
    "logout": (ANYONE, ANYONE, []),
    "password_change": (ROLES, ROLES, []),
    "stay": (NONE, ROLES, []),
    "limits": (ROLES, NONE, []),
    "overview": (ROLES, NONE, []),
    "reviews": (ROLES, NONE, []),
    "review": (ROLES, {"maker"}, [1]),
    "flagged": (ROLES, NONE, []),
    "flagged-posting": (ROLES, {"maker"}, [1]),
    "calls": (ROLES - {"viewer"}, NONE, []),
    "refused-reports": (ROLES, NONE, []),
    "refused-report": (ROLES, {"maker"}, [1]),
    "transactions": (ROLES, NONE, []),
    "transaction": (ROLES, NONE, ["check", 1]),
    "search": (ROLES, ROLES, []),
    "search-results": (ROLES, NONE, ["no-such-search"]),
    "customers": (ROLES, NONE, []),
    "customer": (ROLES, NONE, [CUSTOMER]),
    "customer-reveal": ({"maker", "auditor"}, {"maker", "auditor"}, [CUSTOMER]),
    "customer-statement": (NONE, {"auditor"}, [CUSTOMER]),
    "customer-note": ({"maker"}, {"maker"}, [CUSTOMER]),
    "onboard": ({"maker"}, {"maker"}, []),
    "customer-edit": ({"maker"}, {"maker"}, [CUSTOMER]),
    "customer-kyc": ({"maker"}, {"maker"}, [CUSTOMER]),
    "customer-block": ({"maker"}, {"maker"}, [CUSTOMER]),
    "customer-unblock": ({"maker"}, {"maker"}, [CUSTOMER]),
    "approvals": (ROLES, NONE, []),
    "approval": (ROLES, {"maker", "checker"}, ["kyc", 1]),
}
# The admin and the API have tests of their own; these lead to what is above, or to a file.
ELSEWHERE = {"admin/login/", "admin/logout/", "admin/password_change/", "favicon.ico"}


@pytest.fixture(autouse=True)
def _somebody(db):
    """Let there be the customer, and the proposal, whom addresses name."""
    told = ToldFactory(customer_name="Meera Iyer")
    call = Call(make_processor(), Operation.ADD_CUSTOMER, new_ref(), {})
    customers.add_customer(call=call, told=told, draw_unique_id=lambda: CUSTOMER)
    at = clock.now()
    KycProposal.objects.create(
        pk=1,
        customer_id=CUSTOMER,
        from_tier="P",
        from_channel="PGO",
        from_updated_on=at,
        to_tier="N",
        channel="BRN",
        reason="asked for",
        maker=user_of("maker"),
        proposed_at=at,
    )


def names():
    """Name every address of the back office."""
    found, rows = [], list(get_resolver().url_patterns)
    while rows:
        row = rows.pop()
        if isinstance(row, URLPattern):
            found.append(row.name or str(row.pattern))
        elif row.app_name not in {"admin", "ninja"}:
            rows.extend(row.url_patterns)
    return sorted(set(found) - ELSEWHERE)


def client_of(role):
    return Client() if role == NOBODY else browser_of(role)


def is_open(response, role):
    """Tell whether it opened; refused is 403 or 405, and to nobody a redirect to the log-in."""
    leads_to_log_in = response.get("Location", "").startswith(f"{reverse(settings.LOGIN_URL)}?")
    if role == NOBODY and response.status_code == 302 and leads_to_log_in:
        return False
    # 404: it would open, if there were such a row
    assert response.status_code in {200, 204, 302, 403, 404, 405, 422}, response.status_code
    return response.status_code not in {403, 405}


def test_every_address_is_declared_and_no_other():
    assert names() == sorted(OPEN)


@pytest.mark.parametrize("role", sorted(ANYONE))
@pytest.mark.parametrize("name", names())
def test_it_opens_to_whom_it_should_and_to_nobody_else(name, role):
    may_read, may_send, arguments = OPEN[name]
    address = reverse(name, args=arguments)
    assert is_open(client_of(role).get(address), role) == (role in may_read)
    assert is_open(client_of(role).post(address, {}), role) == (role in may_send)


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
@pytest.mark.parametrize("name", sorted(set(names()) - {"login", "logout"}))
def test_no_page_takes_another_method(name, method):
    address = reverse(name, args=OPEN[name][2])
    assert getattr(browser_of("admin"), method)(address).status_code == 405


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_form_without_its_token_changes_nothing(role):
    client = browser_of(role)
    client.handler.enforce_csrf_checks = True
    for name, (_, may_send, arguments) in OPEN.items():
        if role in may_send:
            assert client.post(reverse(name, args=arguments)).status_code == 403, name


# The menu.

MENUS = {
    "viewer": ["Overview", "Customers", "Transactions", "Limits", "Approvals", "API docs"],
    "maker": ["Overview", "Customers", "Transactions", "Calls", "Limits", "Approvals", "API docs"],
    "checker": [
        *("Overview", "Customers", "Transactions", "Calls", "Limits", "Approvals"),
        "API docs",
    ],
    "auditor": [
        *("Overview", "Customers", "Transactions", "Calls", "Limits", "Approvals"),
        *("Admin", "API docs"),
    ],
    "admin": [
        *("Overview", "Customers", "Transactions", "Calls", "Limits", "Approvals"),
        *("Admin", "API docs"),
    ],
}
LABELS = {str(item.label) for item in MENU}


def menu_of(page):
    return [str(place["item"].label) for place in page.context["frame"]["menu"]]


@pytest.mark.parametrize("role", sorted(ROLES))
def test_the_menu_has_what_the_role_may_open_and_each_opens(role):
    client = browser_of(role)
    page = client.get("/limits")
    assert [label for label in menu_of(page) if label in LABELS] == MENUS[role]
    for place in page.context["frame"]["menu"]:
        assert client.get(place["url"]).status_code == 200, place["url"]


def test_the_frame_says_who_one_is_what_one_may_do_and_that_it_is_a_demo():
    client = browser_of("checker")
    page = client.get("/limits")
    words = words_of(page)
    assert "DEMO Search customers and transactions Search" in words
    assert f"{page.wsgi_request.user.username} checker Change password Log out" in words
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
        ("/admin/ppims/user/", "/admin/", True),
        ("/", "/", True),
        ("/limits", "/", False),
    ],
)
def test_a_place_of_the_menu_is_current_on_the_pages_below_it(here, url, is_in):
    assert menu._is_in(here, url) == is_in


def test_on_boarding_belongs_to_the_customers_in_the_menu():
    customers = next(item for item in MENU if item.url_name == "customers")
    assert menu._is_here("/onboard", customers)
    assert not menu._is_here("/limits", customers)
