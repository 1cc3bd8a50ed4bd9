"""The back office's addresses. tests/web/test_who_opens_what.py has a line for each."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.generic import RedirectView

from ppims.backoffice import login, menu, seals, second_factor
from ppims.backoffice.access import open_page
from ppims.backoffice.approvals import approval, approvals
from ppims.backoffice.audit import audit, audit_entry, audit_export
from ppims.backoffice.call_detail import call
from ppims.backoffice.calls import calls
from ppims.backoffice.customer import changes, merging
from ppims.backoffice.customer.corrections import correct
from ppims.backoffice.customer.page import customer, customer_note
from ppims.backoffice.customer.reveal import customer_reveal
from ppims.backoffice.customer.statement import customer_statement
from ppims.backoffice.customer_export import customers_export
from ppims.backoffice.customers import customers
from ppims.backoffice.demo.addresses import answer_control
from ppims.backoffice.demo.page import demo
from ppims.backoffice.explanations import transaction_explained
from ppims.backoffice.flagged import flagged_list, flagged_posting
from ppims.backoffice.imports.new import import_new
from ppims.backoffice.imports.pages import (
    import_file,
    import_go_on,
    import_refused,
    import_template,
    imports,
)
from ppims.backoffice.jobs import job
from ppims.backoffice.keys import key_new, keys
from ppims.backoffice.limit_changes import change_limits, limits_pack
from ppims.backoffice.limit_effect import limits_effect
from ppims.backoffice.limits import limits
from ppims.backoffice.notices import notice, notices
from ppims.backoffice.overview import overview
from ppims.backoffice.processors.changes import (
    processor_change,
    processor_new,
    processor_sheet,
)
from ppims.backoffice.processors.pages import processor, processors
from ppims.backoffice.reconciling.differences import difference
from ppims.backoffice.reconciling.files import reconciliation_bring, reconciliation_template
from ppims.backoffice.reconciling.runs import (
    reconciliation,
    reconciliation_export,
    reconciliations,
)
from ppims.backoffice.refused_reports import refused_list, refused_report
from ppims.backoffice.reports import reports, reports_export
from ppims.backoffice.reviews import review, reviews_list
from ppims.backoffice.search import search, search_results
from ppims.backoffice.sessions import own_sessions, sessions_end, staff_sessions_end
from ppims.backoffice.staff.changes import staff_add, staff_change, staff_password
from ppims.backoffice.staff.pages import staff, staff_member
from ppims.backoffice.transaction_export import transactions_export
from ppims.backoffice.transactions import transaction, transactions
from ppims.services.accounts import get_staff

MOVED_ADDRESSES = {
    "limits": "limits",
    "calls": "calls",
    "approvals": "approvals",
    "approvals/<slug:kind>/<int:pk>": "approval",
    "overview/reviews": "reviews",
    "overview/reviews/<int:review_id>": "review",
    "overview/flagged": "flagged",
    "overview/flagged/<int:entry_id>": "flagged-posting",
    "overview/refused": "refused-reports",
    "overview/refused/<int:report_id>": "refused-report",
}


@open_page()
def home(request: HttpRequest) -> HttpResponse:
    """Lead to the first place that this person may open."""
    first, *_ = menu.list_items(get_staff(request))
    return redirect(first.url_name)


@open_page()
def open_first_tab(request: HttpRequest, place: str) -> HttpResponse:
    """Lead to the first tab of a place that this person may open."""
    return redirect(menu.find_first_tab(get_staff(request), place).url_name)


urlpatterns = [
    path("", home, name="home"),
    path("log-in", login.log_in, name="login"),
    path("log-out", login.log_out, name="logout"),
    path("password", login.password_change, name="password_change"),
    path("second-factor", second_factor.give_code, name="second-factor"),
    path("second-factor/codes", second_factor.recovery_codes, name="recovery-codes"),
    path("stay", login.stay, name="stay"),
    path("sessions", own_sessions, name="sessions"),
    path("sessions/end", sessions_end, name="sessions-end"),
    path("overview", overview, name="overview"),
    path("reports", reports, name="reports"),
    path("reports/export", reports_export, name="reports-export"),
    path("reconcile", reconciliations, name="reconciliations"),
    path("reconcile/bring", reconciliation_bring, name="reconciliation-bring"),
    path("reconcile/template", reconciliation_template, name="reconciliation-template"),
    path("reconcile/<int:run_id>", reconciliation, name="reconciliation"),
    path(
        "reconcile/<int:run_id>/export",
        reconciliation_export,
        name="reconciliation-export",
    ),
    path("reconcile/differences/<int:difference_id>", difference, name="difference"),
    path("work", open_first_tab, {"place": "work"}, name="work"),
    path("work/reviews", reviews_list, name="reviews"),
    path("work/reviews/<int:review_id>", review, name="review"),
    path("work/flagged", flagged_list, name="flagged"),
    path("work/flagged/<int:entry_id>", flagged_posting, name="flagged-posting"),
    path("work/refused", refused_list, name="refused-reports"),
    path("work/refused/<int:report_id>", refused_report, name="refused-report"),
    path("work/notices", notices, name="notices"),
    path("work/notices/<int:notice_id>", notice, name="notice"),
    path("work/approvals", approvals, name="approvals"),
    path("work/approvals/<slug:kind>/<int:pk>", approval, name="approval"),
    path("settings", open_first_tab, {"place": "settings"}, name="settings"),
    path("settings/limits", limits, name="limits"),
    path("settings/limits/change", change_limits, name="limits-change"),
    path("settings/limits/effect/<int:pk>", limits_effect, name="limits-effect"),
    path("settings/limits/packs/<slug:name>", limits_pack, name="limits-pack"),
    path("settings/processors", processors, name="processors"),
    path("settings/processors/calls", calls, name="calls"),
    path("settings/processors/calls/<int:call_id>", call, name="call"),
    path("settings/processors/new", processor_new, name="processor-new"),
    path("settings/processors/sheets/<int:change_id>", processor_sheet, name="processor-sheet"),
    path("settings/processors/<int:processor_id>", processor, name="processor"),
    path(
        "settings/processors/<int:processor_id>/<slug:action>",
        processor_change,
        name="processor-change",
    ),
    path("settings/staff", staff, name="staff"),
    path("settings/staff/add", staff_add, name="staff-add"),
    path("settings/staff/passwords/<int:pk>", staff_password, name="staff-password"),
    path("settings/staff/<int:user_id>", staff_member, name="staff-member"),
    path(
        "settings/staff/<int:user_id>/sessions/end", staff_sessions_end, name="staff-sessions-end"
    ),
    path("settings/staff/<int:user_id>/<slug:kind>", staff_change, name="staff-change"),
    path("settings/keys", keys, name="keys"),
    path("settings/keys/<slug:purpose>", key_new, name="key-new"),
    path("settings/audit", audit, name="audit"),
    path("settings/audit/<int:entry_id>", audit_entry, name="audit-entry"),
    path("settings/audit/export", audit_export, name="audit-export"),
    path("settings/audit/proof", seals.audit_proof, name="audit-proof"),
    path("settings/audit/seal", seals.audit_seal, name="audit-seal"),
    path("settings/audit/verify", seals.audit_verify, name="audit-verify"),
    path("settings/audit/seals", seals.seals, name="seals"),
    path("settings/audit/seals/<int:number>/file", seals.seal_file, name="seal-file"),
    path("settings/jobs/<int:job_id>", job, name="job"),
    path("transactions", transactions, name="transactions"),
    path("transactions/export", transactions_export, name="transactions-export"),
    path("transactions/<slug:source>/<int:row_id>", transaction, name="transaction"),
    path(
        "transactions/<slug:source>/<int:row_id>/explain",
        transaction_explained,
        name="transaction-explain",
    ),
    path("search", search, name="search"),
    path("search/<slug:key>", search_results, name="search-results"),
    path("customers", customers, name="customers"),
    path("customers/export", customers_export, name="customers-export"),
    path("customers/<int:unique_id>", customer, name="customer"),
    path("customers/<int:unique_id>/reveal", customer_reveal, name="customer-reveal"),
    path("customers/<int:unique_id>/note", customer_note, name="customer-note"),
    path("customers/<int:unique_id>/statement", customer_statement, name="customer-statement"),
    path("onboard", changes.onboard, name="onboard"),
    path("customers/<int:unique_id>/edit", changes.edit, name="customer-edit"),
    path("customers/<int:unique_id>/kyc", changes.change_kyc, name="customer-kyc"),
    path("customers/<int:unique_id>/correct", correct, name="customer-correct"),
    path("customers/imports", imports, name="imports"),
    path("customers/imports/new", import_new, name="import-new"),
    path("customers/imports/template", import_template, name="import-template"),
    path("customers/imports/<int:file_id>", import_file, name="import-file"),
    path("customers/imports/<int:file_id>/go-on", import_go_on, name="import-go-on"),
    path("customers/imports/<int:file_id>/refused", import_refused, name="import-refused"),
    path("customers/<int:unique_id>/block", changes.block, name="customer-block"),
    path("customers/<int:unique_id>/unblock", changes.unblock, name="customer-unblock"),
    path("customers/<int:unique_id>/merge", merging.merge, name="customer-merge"),
    path("customers/<int:unique_id>/unmerge", merging.unmerge, name="customer-unmerge"),
    path("demo", demo, name="demo"),
    path("demo/<path:name>", answer_control),
    # Where pages were until the menu had five places.
    *(
        path(old, RedirectView.as_view(pattern_name=name, query_string=True))
        for old, name in MOVED_ADDRESSES.items()
    ),
]
