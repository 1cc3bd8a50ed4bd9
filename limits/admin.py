"""The admin of limit rules, which two admins decide here."""

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html

from customers.forms import ReasonForm
from limits.forms import LimitRuleForm
from limits.models import LimitRule
from limits.services import rules
from ppims.core import clock
from ppims.core.errors import Malformed, Refusal
from ppims.core.formats import NO_VALUE, write_ist_second
from ppims.services.accounts import get_staff
from ppims.services.read_only_admin import (
    make_choice_column,
    make_instant_column,
    refuse_everyone,
)

Action = Callable[..., HttpResponse | None]


# Decisions of two people.


@admin.action(description="Reject", permissions=["approve"])
def reject(
    model_admin: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[LimitRule]
) -> TemplateResponse | None:
    """Ask for the reason on a page of its own, then reject the one rule; show a refusal."""
    chosen = list(queryset[:2])
    if len(chosen) != 1:
        model_admin.message_user(request, "Choose exactly one.", messages.ERROR)
        return None
    [rule] = chosen
    form = ReasonForm(request.POST if "reason" in request.POST else None)
    if form.is_valid():
        try:
            _decide(
                model_admin, request, rule, LimitRule.State.REJECTED, form.cleaned_data["reason"]
            )
        except Malformed as refusal:
            form.add_error("reason", refusal.describe())
        else:
            return None
    page = {"title": "Reject", "row": rule, "action": "reject", "form": form}
    context = {**model_admin.admin_site.each_context(request), "opts": model_admin.opts, **page}
    status = 422 if form.is_bound else 200
    return TemplateResponse(request, "admin/reason.html", context, status=status)


def _make_decision(name: str, verb: str, state: str, permission: str) -> Action:
    @admin.action(description=verb, permissions=[permission])
    def act(
        model_admin: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[LimitRule]
    ) -> None:
        for rule in queryset:
            _decide(model_admin, request, rule, state)

    act.__name__ = name
    return act


def _decide(
    model_admin: admin.ModelAdmin,
    request: HttpRequest,
    rule: LimitRule,
    state: str,
    note: str = "",
) -> None:
    """Decide a proposal as pages do, and show a refusal. Raises Malformed for a reason that may not
    be kept.
    """
    user = get_staff(request)
    try:
        rules.decide(proposal_id=rule.pk, state=state, user=user, note=note)
    except Malformed:
        raise
    except Refusal as refusal:
        model_admin.message_user(request, f"{rule}: {refusal.describe()}.", messages.ERROR)
    else:
        done = LimitRule.State(state).label
        model_admin.message_user(request, f"{done}: {rule}.", messages.SUCCESS)


DECISIONS = [
    _make_decision("approve", "Approve", LimitRule.State.APPROVED, "approve"),
    reject,
    _make_decision("withdraw", "Withdraw my own", LimitRule.State.WITHDRAWN, "add"),
]


# Limit rules.


def make_person_column(name: str, label: str) -> Callable[[LimitRule], str]:
    """Make a column that names the maker or the checker."""

    @admin.display(description=label)
    def shown(rule: LimitRule) -> str:
        return str(getattr(rule, name) or NO_VALUE)

    return shown


@admin.display(description="Limit")
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
    actions = DECISIONS
    _asked = LimitRuleForm.Meta.fields
    _shown: ClassVar[Any] = [
        make_choice_column("tier", "KYC"),
        make_choice_column("direction", "Type"),
        make_choice_column("window", "Applies to"),
        *(amount_of, start_of, "state"),
        make_person_column("maker", "Proposed by"),
        make_person_column("checker", "Decided by"),
        "source",
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
