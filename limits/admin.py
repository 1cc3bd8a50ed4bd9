"""The admin of limit rules, which are decided here; of checks, holds and entries, to look at."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.html import format_html
from django.views.decorators.http import require_POST, require_safe

from customers.admin import make_decisions
from limits.forms import LimitRuleForm
from limits.models import Hold, LedgerEntry, LimitCheck, LimitRule, Seal, write_limit
from limits.services import rules, seals
from ppims.core import clock
from ppims.core.errors import Refusal
from ppims.core.formats import NO_VALUE, inr, mask, write_ist_second
from ppims.models import LONGEST_REF_ID, Operation, Processor, ReplayKey
from ppims.services.accounts import get_staff
from ppims.services.read_only_admin import (
    UNIQUE_ID_DIGITS,
    ReadOnlyAdmin,
    make_column,
    make_instant_column,
    refuse_everyone,
    unique_id,
)

make_money_column = partial(make_column, inr)


# Limit rules.


@admin.display(description="Amount")
def amount_of(rule: LimitRule) -> str:
    return rule.amount_text


@admin.display(description="In force from")
def start_of(rule: LimitRule) -> str:
    return _start(rule, rules.describe_starts([rule], clock.now()))


def make_starts_column() -> Callable[[LimitRule], str]:
    """Make the column of starts of one list, which counts the customers once for all its rows."""

    @cache
    def list_warnings() -> dict[int, str]:
        waiting = LimitRule.objects.filter(state=LimitRule.State.PROPOSED)
        return rules.describe_starts(waiting, clock.now())

    @admin.display(description="In force from")
    def shown(rule: LimitRule) -> str:
        is_waiting = rule.state == LimitRule.State.PROPOSED
        return _start(rule, list_warnings() if is_waiting else {})

    return shown


def _start(rule: LimitRule, warnings: dict[int, str]) -> str:
    start = write_ist_second(rule.in_force_from)
    if rule.pk not in warnings:
        return start
    return format_html('{}<ul class="errorlist"><li>{}</li></ul>', start, warnings[rule.pk])


@admin.register(LimitRule)
class LimitRuleAdmin(admin.ModelAdmin):
    form = LimitRuleForm
    has_change_permission = has_delete_permission = refuse_everyone
    actions = make_decisions(rules.RULE_PROPOSALS, maker="add")
    _asked = LimitRuleForm.Meta.fields
    _shown: ClassVar[Any] = [
        *("tier", start_of, "direction", "window", amount_of),
        *("state", "maker", "checker", "source"),
        *(
            make_instant_column("proposed_at", "Proposed"),
            make_instant_column("decided_at", "Decided"),
        ),
        "decision_note",
    ]
    list_filter = ["state", "tier", "direction", "window"]
    list_select_related = ["maker", "checker"]
    ordering = ["-pk"]
    show_full_result_count = False

    def get_list_display(self, request: HttpRequest) -> Any:
        return [
            make_starts_column() if column is start_of else column for column in self._shown[:9]
        ]

    def get_fields(self, request: HttpRequest, obj: LimitRule | None = None) -> Any:
        return self._shown if obj else self._asked

    def get_readonly_fields(self, request: HttpRequest, obj: LimitRule | None = None) -> Any:
        return self.get_fields(request, obj) if obj else []

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return get_staff(request).has_perm("limits.approve_limitrule")

    def save_model(self, request: HttpRequest, obj: LimitRule, form: Any, change: bool) -> None:
        """Propose it: another person decides."""
        asked = rules.Proposal(**{name: form.cleaned_data[name] for name in self._asked})
        [rule] = rules.propose(proposals=[asked], user=get_staff(request))
        obj.pk = rule.pk
        for warning in rules.describe_starts([rule], clock.now()).values():
            self.message_user(request, warning, messages.ERROR)


# What was answered, held and posted.


@admin.display(description="Account")
def account_of(check: LimitCheck) -> str:
    return mask(check.account_number, shown=4)


@admin.display(description="Limit")
def limit_judged(check: LimitCheck) -> str:
    if check.limit is None:
        return NO_VALUE
    return write_limit(check.limit, check.rule.window if check.rule else None)


amount, at = make_money_column("amount_paise", "Amount"), make_instant_column("at", "At")


class HistoryAdmin(ReadOnlyAdmin):
    """A list that is searched by Unique_Id or Ref_Id."""

    operation = Operation.CHECK_LIMIT
    row = "pk"
    search_fields = ["=customer_id", "=ref_id"]
    search_help_text = "A whole Unique_Id or Ref_Id. Never personal data: it would stand in URLs."
    sortable_by = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by whole Unique_Id or Ref_Id, the latter through ReplayKey: never by a scan."""
        text = search_term.strip()
        if not text:
            return queryset, False
        keys = ReplayKey.objects.filter(
            processor__in=list(Processor.objects.values_list("pk", flat=True)),
            operation=self.operation,
            ref_id=text,
        )
        found = keys.values_list("row_id", flat=True) if len(text) <= LONGEST_REF_ID else ()
        wanted = Q(**{f"{self.row}__in": list(found)})
        if text.isascii() and text.isdecimal() and len(text) == UNIQUE_ID_DIGITS:
            wanted |= Q(customer_id=int(text))
        return queryset.filter(wanted), False


@admin.register(LimitCheck)
class LimitCheckAdmin(HistoryAdmin):
    list_display = [
        *("ref_id", unique_id, "processor", at, "direction", amount, "is_allowed", "reason"),
    ]
    list_filter = ["is_allowed", "direction"]
    list_select_related = ["processor"]
    readonly_fields: ClassVar[Any] = [
        *(unique_id, "number", "processor", "ref_id", at, "direction", amount),
        *(
            make_money_column("balance_paise", "Balance before"),
            account_of,
            "card_last_four",
            "tier",
        ),
        *("is_allowed", "reason", "rule", limit_judged, make_money_column("used_paise", "Used")),
        *(
            make_money_column("held_paise", "Held"),
            make_money_column("remaining_paise", "Left"),
            "resets_on",
        ),
        *(make_instant_column("hold_until", "Held until"), "unjudged"),
        *(
            make_money_column("cumulative_paise", "Replied as used"),
            make_money_column("available_paise", "Replied as left"),
        ),
    ]
    fields = readonly_fields


@admin.register(Hold)
class HoldAdmin(HistoryAdmin):
    row = "limit_check_id"
    search_fields = ["=customer_id", "=limit_check__ref_id"]
    readonly_fields: ClassVar[Any] = [
        *("limit_check", unique_id, "processor", "direction", amount),
        *(make_instant_column("expires_at", "Held until"),),
    ]
    list_display = fields = readonly_fields
    list_filter = ["direction"]
    list_select_related = ["processor"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read the checks by a statement of their own: no join leaves the customer."""
        checks = Prefetch("limit_check", LimitCheck.objects.only("direction", "ref_id"))
        return super().get_queryset(request).prefetch_related(checks)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(HistoryAdmin):
    operation = Operation.UPDATE_LIMIT
    list_display = [
        *("__str__", unique_id, "processor", at, "month", "kind", "direction", amount, "flags"),
    ]
    list_filter = ["kind", "direction"]
    list_select_related = ["processor"]
    readonly_fields: ClassVar[Any] = [
        *(unique_id, "number", "processor", "ref_id", at, "month", "kind", "direction", amount),
        *(
            make_money_column("balance_paise", "Balance after"),
            "tran_id",
            "enquiry_ref_id",
            "limit_check",
        ),
        *("reverses", "flags", "tier", make_money_column("used_after_paise", "Used after it")),
        *(
            make_money_column("held_after_paise", "Held after it"),
            make_money_column("limit_paise", "Limit"),
            "rule",
        ),
        *(
            make_money_column("cumulative_paise", "Replied as used"),
            make_money_column("available_paise", "Replied as left"),
        ),
    ]
    fields = readonly_fields


# Seals.


@admin.register(Seal)
class SealAdmin(ReadOnlyAdmin):
    """Made here at the press of a button; its file is fetched here, to be kept elsewhere."""

    readonly_fields: ClassVar[Any] = [
        *("number", at, "entry_count", "check_count", "audit_count", "key_id"),
    ]
    list_display = fields = readonly_fields
    ordering = ["-number"]
    sortable_by = ()

    def has_make_permission(self, request: HttpRequest) -> bool:
        return get_staff(request).has_perm("limits.make_seal")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"may_make": self.has_make_permission(request)}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("make/", view(require_POST(self.make)), name="limits_seal_make"),
            path("<int:number>/file/", view(require_safe(self.send_file)), name="limits_seal_file"),
            *super().get_urls(),
        ]

    def make(self, request: HttpRequest) -> HttpResponse:
        if not self.has_make_permission(request):
            raise PermissionDenied
        try:
            seal = seals.make(user=get_staff(request))
        except Refusal as refusal:
            self.message_user(request, refusal.describe(), messages.ERROR)
            return redirect("admin:limits_seal_changelist")
        self.message_user(request, f"{seal} is made. Fetch its file, and keep it elsewhere.")
        return redirect("admin:limits_seal_change", seal.pk)

    def send_file(self, request: HttpRequest, number: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        name = f"seal-{number:06d}.json"
        return JsonResponse(
            seals.export_seal(get_object_or_404(Seal, pk=number)),
            json_dumps_params={"indent": 2},
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
