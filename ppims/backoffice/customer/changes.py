"""Adding a customer, and changing one: what staff fill in, in whole pages or as they type."""

from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from customers import matches, records
from customers.choices import MOBILE, Tier
from customers.claims import Doubt, find_reviews
from customers.forms import EditForm, KycForm, OnboardForm, ReasonForm, refuse
from customers.matches import Likeness, Then
from customers.models import Customer, Receipt
from customers.records import Told
from customers.services import blocking, customers, kyc
from ppims.backoffice.access import go, is_fragment, page, staff
from ppims.backoffice.transaction_rows import customer_address
from ppims.core.errors import Refusal, Unavailable
from ppims.models import FourEyes, Operation, Processor
from ppims.services import idempotency
from ppims.services.idempotency import Call

POSTED = ("GET", "POST")


@sensitive_post_parameters()
@page("customers.add_customer", methods=POSTED)
def onboard(request: HttpRequest) -> HttpResponse:
    """Add a customer through a processor, once for each form; of likenesses it warns before."""
    form = OnboardForm(request.POST if request.method == "POST" else None)
    is_right = form.is_valid()
    call = _call_of(form)
    is_repeated = call is not None and idempotency.is_claimed(call)
    alike = _alike(form) if not is_repeated else []
    token = matches.token_of(alike) if alike else ""
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
        return render(request, "customers/onboard.html#looked", context)
    if is_right and call and is_confirmed and may_be_added:
        added = _add(request, form, call, is_repeated=is_repeated)
        if added:
            return added
    if form.is_bound and alike and not form.errors:
        form.add_error(None, _said_of(alike, form))
    return render(request, "customers/onboard.html", context, status=422 if form.is_bound else 200)


@sensitive_post_parameters()
@page("customers.change_customer", methods=POSTED)
def edit(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Change what is known of a customer; what is left empty stays."""
    customer = get_object_or_404(Customer, pk=unique_id)
    form = EditForm(customer, request.POST if request.method == "POST" else None)

    def carry_out() -> str:
        customers.edit_customer(
            customer_id=customer.pk,
            told=form.told,
            accounts=form.statuses(form.accounts),
            cards=form.statuses(form.cards),
            user=staff(request),
        )
        return _("The changes are recorded.")

    return _answer(request, "customers/customer_edit.html", form, customer, carry_out)


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
    return _answer(request, "customers/customer_kyc.html", form, customer, carry_out, waiting)


@page("customers.block_customer", methods=POSTED)
def block(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Block a customer at once, with a reason."""
    customer = get_object_or_404(Customer, pk=unique_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)

    def carry_out() -> str:
        reason = form.cleaned_data["reason"]
        blocking.block(customer_id=customer.pk, reason=reason, user=staff(request))
        return _("The customer is blocked: every check is declined from now on.")

    return _answer(request, "customers/customer_block.html", form, customer, carry_out)


@page("customers.propose_unblocking", methods=POSTED)
def unblock(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Propose to unblock a customer, with a reason."""
    customer = get_object_or_404(Customer, pk=unique_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)

    def carry_out() -> str:
        reason = form.cleaned_data["reason"]
        blocking.propose_unblocking(customer_id=customer.pk, reason=reason, user=staff(request))
        return _("It is proposed: another person approves it, under Approvals.")

    waiting = _waiting("unblocking", customer.unblockings)
    return _answer(request, "customers/customer_unblock.html", form, customer, carry_out, waiting)


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
            _refuse(form, refusal, getattr(form, "told", Told()))
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
    return matches.alike(form.told(), form.processor)


def _said_of(alike: list[Likeness], form: OnboardForm) -> str:
    """Say what to do about who is alike: go to who is known to this processor already."""
    for each in alike:
        if each.then == Then.KNOWN:
            return _said_of_known(each.customer, form.processor)
    return _("Somebody like that is on record: look below, then go on.")


def _said_of_known(customer: Customer, processor: Processor | None) -> SafeString:
    said = _("{name} is on record through {processor}: nothing was added.")
    return format_html(said, name=_link(customer), processor=processor and processor.system_id)


def _link(customer: Customer) -> SafeString:
    return format_html('<a href="{}">{}</a>', customer_address(customer.pk), customer.name)


def _refuse(form: forms.Form, refusal: Refusal, told: Told) -> None:
    """Say in the form why a service refused, and where staff decide, or have decided, about it."""
    refuse(form, refusal)
    if isinstance(refusal, Doubt):
        for said in _said_of_doubts(told, holders=refusal.holders, claimant=refusal.claimant):
            form.add_error(None, said)


def _said_of_doubts(
    told: Told, *, holders: list[int], claimant: Customer | None
) -> Iterator[SafeString]:
    for review in find_reviews(told, holders=holders, claimant=claimant):
        said = _("A review item is open, which decides whose it is: {link}.")
        label = review.customer.name
        if review.outcome:
            said, label = _("Staff have decided about this: {link}."), review.get_outcome_display()
        link = format_html('<a href="{}">{}</a>', reverse("review", args=[review.pk]), label)
        yield format_html(said, link=link)


def _add(
    request: HttpRequest, form: OnboardForm, call: Call, *, is_repeated: bool
) -> HttpResponse | None:
    """Add the customer; None, and errors in the form, where it is refused."""
    told = form.told()
    try:
        receipt, is_replay = customers.add_customer(call=call, told=told, user=staff(request))
    except Unavailable:
        raise
    except Refusal as refusal:
        if is_repeated:
            form.add_error(None, _("This form has added a customer already; begin a new one."))
        else:
            _refuse(form, refusal, told)
        return None
    if not is_replay:  # whose first sending has said so
        for said in _said_of_added(receipt, told, call.processor):
            messages.success(request, said)
    return go(request, customer_address(receipt.unique_id))


def _said_of_added(receipt: Receipt, told: Told, processor: Processor) -> Iterator[str]:
    """Say what came of it: somebody new, or somebody who is known through this processor too."""
    customer = Customer.objects.get(pk=receipt.customer_id)
    if receipt.resp_code == customers.KNOWN:
        yield _said_of_known(customer, processor)
    elif customer.registrations.exclude(processor=processor).exists():
        said = _("%(name)s is now also known through %(processor)s. What is on record stays.")
        yield said % {"name": customer.name, "processor": processor.system_id}
    elif told.kyc_flag == Tier.FULL != receipt.tier:
        said = _(
            "The customer is added at Min KYC, with the Unique_Id %(id)s. Full KYC waits for"
            " another person, under Approvals."
        )
        yield said % {"id": receipt.unique_id}
    else:
        yield _("The customer is added, with the Unique_Id %(id)s.") % {"id": receipt.unique_id}
    holder = records.holder_of(MOBILE, told.mobile_number) if told.mobile_number else None
    if holder not in {None, customer.pk}:
        assert holder
        yield from _said_of_doubts(told, holders=[holder], claimant=customer)
