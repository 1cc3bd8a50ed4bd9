"""Adding a customer, and changing one: what staff fill in, in whole pages or as they type."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from customers import kyc, likeness, services
from customers.forms import EditForm, KycForm, OnboardForm, ReasonForm, refuse
from customers.kinds import Tier
from customers.likeness import Likeness, Then
from customers.models import Customer
from ppims import replay
from ppims.errors import Refusal, Unavailable
from ppims.models import FourEyes, Operation
from ppims.pages.access import go, is_fragment, page, staff
from ppims.pages.lines import customer_address
from ppims.replay import Call

POSTED = ("GET", "POST")


@sensitive_post_parameters()
@page("customers.add_customer", methods=POSTED)
def onboard(request: HttpRequest) -> HttpResponse:
    """Add a customer through a processor, once for each form; of likenesses it warns before."""
    form = OnboardForm(request.POST if request.method == "POST" else None)
    is_right = form.is_valid()
    call = _call_of(form)
    is_repeated = call is not None and replay.is_claimed(call)
    alike = _alike(form) if not is_repeated else []
    token = likeness.token_of(alike) if alike else ""
    is_confirmed = not alike or form.data.get("confirmed") == token
    may_be_added = all(each.then != Then.KNOWN for each in alike)
    context = {
        "form": form,
        "alike": [(each, customer_address(each.customer.pk)) for each in alike],
        "token": token,
        "is_confirmed": is_confirmed,
        "may_be_added": may_be_added,
    }
    if is_looking(request):
        return render(request, "ppims/onboard.html#looked", context)
    if is_right and call and is_confirmed and may_be_added:
        added = _add(request, form, call, is_repeated=is_repeated)
        if added:
            return added
    if form.is_bound and alike and not form.errors:
        form.add_error(None, _("Somebody like that is on record: look below, then go on."))
    return render(request, "ppims/onboard.html", context, status=422 if form.is_bound else 200)


@sensitive_post_parameters()
@page("customers.change_customer", methods=POSTED)
def edit(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Change what is known of a customer; what is left empty stays."""
    customer = get_object_or_404(Customer, pk=unique_id)
    form = EditForm(customer, request.POST if request.method == "POST" else None)

    def carry_out() -> str:
        services.edit_customer(
            customer_id=customer.pk,
            told=form.told,
            accounts=form.statuses(form.accounts),
            cards=form.statuses(form.cards),
            user=staff(request),
        )
        return _("The changes are recorded.")

    return _answer(request, "ppims/customer_edit.html", form, customer, carry_out)


@sensitive_post_parameters()
@page("customers.propose_kycproposal", methods=POSTED)
def change_kyc(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Change how well a customer is known, or propose it where that is for two people."""
    customer = get_object_or_404(Customer, pk=unique_id)
    form = KycForm(customer, request.POST if request.method == "POST" else None)

    def carry_out() -> str:
        reason = form.cleaned_data["reason"]
        proposal = kyc.change(
            customer_id=customer.pk, told=form.told, reason=reason, user=staff(request)
        )
        if proposal is None:
            return _("The KYC is recorded.")
        return _("It is proposed: another person approves it, under Approvals.")

    waiting = _waiting("kyc", customer.kyc_proposals)
    return _answer(request, "ppims/customer_kyc.html", form, customer, carry_out, waiting)


@page("customers.block_customer", methods=POSTED)
def block(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Block a customer at once, with a reason."""
    customer = get_object_or_404(Customer, pk=unique_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)

    def carry_out() -> str:
        reason = form.cleaned_data["reason"]
        services.block(customer_id=customer.pk, reason=reason, user=staff(request))
        return _("The customer is blocked: every check is declined from now on.")

    return _answer(request, "ppims/customer_block.html", form, customer, carry_out)


@page("customers.propose_unblocking", methods=POSTED)
def unblock(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Propose to unblock a customer, with a reason."""
    customer = get_object_or_404(Customer, pk=unique_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)

    def carry_out() -> str:
        reason = form.cleaned_data["reason"]
        services.propose_unblocking(customer_id=customer.pk, reason=reason, user=staff(request))
        return _("It is proposed: another person approves it, under Approvals.")

    waiting = _waiting("unblocking", customer.unblockings)
    return _answer(request, "ppims/customer_unblock.html", form, customer, carry_out, waiting)


def is_looking(request: HttpRequest) -> bool:
    """Tell whether the form is only to be looked at, while somebody fills it in."""
    return is_fragment(request) and "looking" in request.POST


def _answer(
    request: HttpRequest,
    template: str,
    form: forms.Form,
    customer: Customer,
    carry_out: Callable[[], str],
    waiting: str = "",
) -> HttpResponse:
    """Show the form, or what is wrong with it; or do it, say so and go to the customer. `waiting`
    is the address of a proposal that stands in the way.
    """
    back = customer_address(customer.pk)
    context = {"form": form, "customer": customer, "customer_url": back, "waiting": waiting}
    is_right = form.is_valid()
    if is_looking(request):
        return render(request, "includes/looked.html", context)
    if is_right:
        try:
            messages.success(request, carry_out())
            return go(request, back)
        except Unavailable:
            raise
        except Refusal as refusal:
            refuse(form, refusal)
    return render(request, template, context, status=422 if form.is_bound else 200)


def _waiting(kind: str, proposals: Any) -> str:
    """Give the address of a customer's proposal that waits; "" where none does."""
    found = proposals.filter(state=FourEyes.State.PROPOSED).first()
    return reverse("approval", args=[kind, found.pk]) if found else ""


def _call_of(form: OnboardForm) -> Call | None:
    message, processor = form.message, form.processor
    if message is None or processor is None:
        return None
    return Call(processor, Operation.ADD_CUSTOMER, message.ref_id, message.content())


def _alike(form: OnboardForm) -> list[Likeness]:
    if not form.is_bound or form.processor is None:
        return []
    return likeness.alike(form.told(), form.processor)


def _add(
    request: HttpRequest, form: OnboardForm, call: Call, *, is_repeated: bool
) -> HttpResponse | None:
    """Add the customer; None, and errors in the form, where it is refused."""
    told = form.told()
    try:
        receipt, is_replay = services.add_customer(call=call, told=told, user=staff(request))
    except Unavailable:
        raise
    except Refusal as refusal:
        if is_repeated:
            form.add_error(None, _("This form has added a customer already; begin a new one."))
        else:
            refuse(form, refusal)
        return None
    if not is_replay:  # whose first sending has said so
        said = _("The customer is added, with the Unique_Id %(id)s.")
        if told.kyc_flag == Tier.FULL != receipt.tier:
            said = _(
                "The customer is added at Min KYC, with the Unique_Id %(id)s. Full KYC waits for"
                " another person, under Approvals."
            )
        messages.success(request, said % {"id": receipt.unique_id})
    return go(request, customer_address(receipt.unique_id))
