"""The admin of review items and unblockings; and what the admin of limits and of the root share."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from customers.forms import ReasonForm
from customers.models import DuplicateReview, Unblocking
from customers.review_evidence import Evidence, list_evidence
from customers.services import blocking, reviews
from ppims.core.errors import Malformed, Refusal
from ppims.models import FourEyes
from ppims.services.accounts import get_staff
from ppims.services.four_eyes import Proposals
from ppims.services.read_only_admin import ReadOnlyAdmin, make_instant_column, unique_id

Action = Callable[..., HttpResponse | None]


# What every admin uses.


def make_decisions(proposals: Proposals[Any, Any], *, maker: str) -> list[Action]:
    """Make the actions of the two-person rule; `maker` is the permission to withdraw."""
    return [
        _make_decision("approve", "Approve", FourEyes.State.APPROVED, "approve", proposals),
        _make_rejection(proposals),
        _make_decision("withdraw", "Withdraw my own", FourEyes.State.WITHDRAWN, maker, proposals),
    ]


def ask_reason(
    model_admin: admin.ModelAdmin,
    request: HttpRequest,
    queryset: QuerySet[Any],
    *,
    action: str,
    title: str,
    carry_out: Callable[[int, str], object],
    evidence: Callable[[Any], list[Evidence]] = lambda _: [],
) -> TemplateResponse | None:
    """Ask for the reason on a page of its own, then do it to the one row; show a refusal."""
    chosen = list(queryset[:2])
    if len(chosen) != 1:
        model_admin.message_user(request, "Choose exactly one.", messages.ERROR)
        return None
    [row] = chosen
    form = ReasonForm(request.POST if "reason" in request.POST else None)
    if form.is_valid():
        try:
            carry_out(row.pk, form.cleaned_data["reason"])
        except Malformed as refusal:
            form.add_error("reason", refusal.describe())
        except Refusal as refusal:
            model_admin.message_user(request, f"{row}: {refusal.describe()}.", messages.ERROR)
        else:
            model_admin.message_user(request, f"{title}: {row}.", messages.SUCCESS)
        if form.is_valid():
            return None
    page = {"title": title, "row": row, "action": action, "form": form, "evidence": evidence(row)}
    context = {**model_admin.admin_site.each_context(request), "opts": model_admin.opts, **page}
    status = 422 if form.is_bound else 200
    return TemplateResponse(request, "admin/reason.html", context, status=status)


def _make_rejection(proposals: Proposals[Any, Any]) -> Action:
    @admin.action(description="Reject", permissions=["approve"])
    def reject(
        model_admin: admin.ModelAdmin,
        request: HttpRequest,
        queryset: QuerySet[Any],
    ) -> TemplateResponse | None:
        return ask_reason(
            model_admin,
            request,
            queryset,
            action="reject",
            title="Reject",
            carry_out=lambda pk, reason: proposals.decide(
                proposal_id=pk,
                state=FourEyes.State.REJECTED,
                user=get_staff(request),
                note=reason,
            ),
        )

    return reject


def _make_decision(
    name: str, verb: str, state: str, permission: str, proposals: Proposals[Any, Any]
) -> Action:
    @admin.action(description=verb, permissions=[permission])
    def act(
        model_admin: admin.ModelAdmin,
        request: HttpRequest,
        queryset: QuerySet[Any],
    ) -> None:
        for row in queryset:
            try:
                proposals.decide(proposal_id=row.pk, state=state, user=get_staff(request))
            except Refusal as refusal:
                model_admin.message_user(request, f"{row}: {refusal.describe()}.", messages.ERROR)
            else:
                done = FourEyes.State(state).label
                model_admin.message_user(request, f"{done}: {row}.", messages.SUCCESS)

    act.__name__ = name
    return act


# Duplicate reviews.


def _make_outcome(outcome: DuplicateReview.Outcome) -> Action:
    @admin.action(description=outcome.label, permissions=["decide"])
    def act(
        model_admin: admin.ModelAdmin,
        request: HttpRequest,
        queryset: QuerySet[Any],
    ) -> HttpResponse | None:
        return ask_reason(
            model_admin,
            request,
            queryset,
            action=outcome.value.lower(),
            title=str(outcome.label),
            evidence=list_evidence,
            carry_out=lambda pk, reason: reviews.decide(
                review_id=pk, outcome=outcome, reason=reason, user=get_staff(request)
            ),
        )

    act.__name__ = outcome.value.lower()
    return act


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, *_: object) -> Sequence[tuple[str, str]]:
        return [("open", "Open"), ("decided", "Decided")]

    def queryset(self, _: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        same = DuplicateReview.Outcome.SAME_PERSON
        still_open = Q(outcome="") | Q(outcome=same, claimant__isnull=False)
        choices = {"open": still_open, "decided": ~still_open}
        return queryset.filter(choices.get(self.value() or "", Q()))


@admin.register(DuplicateReview)
class DuplicateReviewAdmin(ReadOnlyAdmin):
    actions = [_make_outcome(outcome) for outcome in DuplicateReview.Outcome]
    opened_at, decided_at = (
        make_instant_column("opened_at", "Opened"),
        make_instant_column("decided_at", "Decided"),
    )
    list_display = ["__str__", unique_id, "processor", opened_at, "outcome", "decided_by"]
    list_filter = [OpenFilter]
    list_select_related = ["processor", "decided_by"]
    readonly_fields: ClassVar[Any] = [
        *(unique_id, "claimant", "is_by_mobile", "processor", opened_at),
        *("outcome", "reason", "decided_by", decided_at),
    ]
    fields = readonly_fields

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return get_staff(request).has_perm("customers.decide_duplicatereview")

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        review = context["original"]
        context.update(evidence=list_evidence(review), outcomes=DuplicateReview.Outcome.choices)
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(Unblocking)
class UnblockingAdmin(ReadOnlyAdmin):
    actions = make_decisions(blocking.UNBLOCKING_PROPOSALS, maker="propose")
    proposed_at, decided_at = (
        make_instant_column("proposed_at", "Proposed"),
        make_instant_column("decided_at", "Decided"),
    )
    readonly_fields: ClassVar[Any] = [
        *(unique_id, "reason", "state", "maker", proposed_at, "checker", decided_at),
        "decision_note",
    ]
    list_display = fields = readonly_fields
    list_filter = ["state"]
    list_select_related = ["maker", "checker"]

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return get_staff(request).has_perm("customers.approve_unblocking")

    def has_propose_permission(self, request: HttpRequest) -> bool:
        return get_staff(request).has_perm("customers.propose_unblocking")
