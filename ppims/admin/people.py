"""Customers as staff see them: masked, with what they have used; blocked here, never edited."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from customers.admin import Action, ask_reason
from customers.models import Account, Card, Customer, Document, KycChange, Registration
from customers.services import blocking
from limits import decision, ledger, queries
from limits.models import Direction, Hold, MonthlyUsage, write_limit
from ppims.backoffice.admin_site import defer_secrets
from ppims.backoffice.customer.page import write_left
from ppims.core import calendar, clock
from ppims.core.formats import inr, write_month
from ppims.services.accounts import get_staff
from ppims.services.read_only_admin import (
    ReadOnlyAdmin,
    make_instant_column,
    refuse_everyone,
    search_by_unique_id,
)

WINDOWS = {decision.MONTH_WINDOW: "This month", decision.FINANCIAL_YEAR: "This financial year"}


class Inline(admin.TabularInline):
    """Rows of a customer to look at: what they show is `fields`."""

    has_add_permission = has_change_permission = has_delete_permission = refuse_everyone
    extra = 0
    ordering = ["pk"]
    fields: ClassVar[Any] = ["processor"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        beside = sorted({field.name for field in self.model._meta.fields} & {"processor", "user"})
        rows = super().get_queryset(request)
        return defer_secrets(rows.select_related(*beside) if beside else rows, beside)


class RegistrationInline(Inline):
    model = Registration
    registered_at = make_instant_column("registered_at", "Registered")
    fields = ["processor", "customer_type", "ppi_type", registered_at]


class DocumentInline(Inline):
    model = Document
    fields = [
        make_instant_column("recorded_at", "Recorded"),
        make_instant_column("replaced_at", "Replaced"),
    ]


class AccountInline(Inline):
    model = Account


class CardInline(Inline):
    model = Card


class KycInline(Inline):
    model = KycChange
    verbose_name_plural = "KYC history"
    fields = [
        make_instant_column("at", "At"),
        *("processor", "user", "channel"),
        make_instant_column("updated_on", "KYC_Updated_On"),
    ]


def _make_action_with_reason(name: str, title: str, permission: str, carry_out: Any) -> Action:
    @admin.action(description=title, permissions=[permission])
    def act(
        model_admin: "CustomerAdmin", request: HttpRequest, queryset: QuerySet[Customer]
    ) -> HttpResponse | None:
        def work(pk: int, reason: str) -> object:
            return carry_out(customer_id=pk, reason=reason, user=get_staff(request))

        return ask_reason(model_admin, request, queryset, action=name, title=title, carry_out=work)

    act.__name__ = name
    return act


@admin.display(description="Mobile number")
def mobile(customer: Customer) -> str:
    return customer.masked_mobile


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    actions = [
        _make_action_with_reason("block", "Block", "block", blocking.block),
        _make_action_with_reason(
            "propose_unblocking", "Propose unblocking", "propose", blocking.propose_unblocking
        ),
    ]
    inlines = [RegistrationInline, DocumentInline, AccountInline, CardInline, KycInline]
    created_at = make_instant_column("created_at", "Added")
    list_display = ["unique_id", "name", mobile, "tier", "status", created_at]
    list_filter = ["tier", "status"]
    sortable_by = ()
    search_fields = ["=unique_id"]
    search_help_text = "A whole Unique_Id. Never personal data: it would stand in URLs and logs."
    readonly_fields: ClassVar[Any] = [
        *(
            "unique_id",
            "name",
            mobile,
            "tier",
            make_instant_column("tier_since", "Tier since"),
        ),
        *("kyc_updated_channel", make_instant_column("kyc_updated_on", "KYC_Updated_On")),
        *("status", "blocked_reason", created_at),
    ]
    fields = readonly_fields

    def has_block_permission(self, request: HttpRequest) -> bool:
        return get_staff(request).has_perm("customers.block_customer")

    def has_propose_permission(self, request: HttpRequest) -> bool:
        return get_staff(request).has_perm("customers.propose_unblocking")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return search_by_unique_id(queryset, search_term), False

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context.update(_describe_usage(context["original"]))
        return super().render_change_form(request, context, *args, **kwargs)


def _describe_usage(customer: Customer) -> dict[str, object]:
    """Describe what is used, held and left now; the months kept; and how many holds are open."""
    at = clock.now()
    month = calendar.number_ist_month(at)
    usage = ledger.read_usage(customer.pk, calendar.list_months_of_financial_year(month), at)
    amounts = {
        (rule.direction, rule.window): rule.amount
        for rule in queries.list_in_force(at)
        if rule.tier == customer.tier
    }
    months = MonthlyUsage.objects.filter(customer=customer, month__gt=month - 100, month__lte=month)
    return {
        "usage": [
            (
                way.label,
                WINDOWS[window],
                *_write_figures(
                    totals, amounts.get((way.value, window)), is_blocked=customer.is_blocked
                ),
            )
            for way in Direction
            for window, totals in usage.sum_totals(month, way.value).items()
        ],
        "months": [
            (write_month(m.month), inr(m.debit_paise), inr(m.credit_paise))
            for m in months.order_by("-month")
        ],
        "open_holds": Hold.objects.filter(customer=customer, expires_at__gt=at).count(),
    }


def _write_figures(
    totals: decision.Totals, limit: int | None, *, is_blocked: bool
) -> tuple[str, ...]:
    """Write what is used, held, allowed and left."""
    left = None if limit is None else limit - totals.used - totals.held
    return (
        inr(totals.used),
        inr(totals.held),
        write_limit(limit),
        write_left(left, is_blocked=is_blocked),
    )
