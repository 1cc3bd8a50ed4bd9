"""Adding a customer, and changing one: what staff fill in, in whole pages or as they type."""

from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from customers import matches, people, records
from customers.choices import MOBILE_KIND, Tier
from customers.claims import Doubt, find_reviews
from customers.details import CustomerDetails
from customers.forms import EditForm, KycForm, OnboardForm, ReasonForm, refuse
from customers.forms.fields import focus_first
from customers.models import Customer, Receipt, Registration
from customers.services import blocking, customers, kyc
from ppims.backoffice.access import get_posted, go, is_looking, open_page, render_form
from ppims.backoffice.customer.merged_ids import find_person
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core.errors import Refusal, Unavailable
from ppims.models import FourEyes, Operation, Processor
from ppims.services import idempotency
from ppims.services.accounts import get_staff

METHODS_WITH_POST = ("GET", "POST")
LAST_PROCESSOR_KEY = "onboarded_through"  # of a session: the processor that was chosen last
PROPOSED_MESSAGE = gettext_lazy("It is proposed: another person approves it, under Approvals.")


@sensitive_post_parameters()
@open_page("customers.add_customer", methods=METHODS_WITH_POST)
def onboard(request: HttpRequest) -> HttpResponse:
    """Add a customer through a processor, once for each form; of likenesses it warns before."""
    remembered = request.session.get(LAST_PROCESSOR_KEY)
    form = OnboardForm(get_posted(request), remembered=remembered)
    focus_first(form)
    is_right = form.is_valid()
    call = _make_call(form)
    is_repeated = call is not None and idempotency.is_claimed(call)
    alike = [] if is_repeated else _find_matches(form)
    context = {"form": form, "here": request.path, **_describe_likenesses(alike, form)}
    if is_looking(request):
        return render(request, "customers/onboard.html#looked", context)
    if is_right and call and context["is_confirmed"] and context["may_be_added"]:
        added = _add(request, form, call, is_repeated=is_repeated)
        if added:
            return added
    _warn_of_matches(form, alike)
    return render_form(request, "customers/onboard.html", form, context)


@sensitive_post_parameters()
@open_page("customers.change_customer", methods=METHODS_WITH_POST)
def edit(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Change what is known of a customer; what is left empty stays."""
    customer = find_person(unique_id)
    form = EditForm(customer, get_posted(request))

    def carry_out() -> object:
        customers.edit_customer(
            customer_id=customer.pk,
            details=form.details,
            accounts=form.list_changed_statuses(form.accounts),
            cards=form.list_changed_statuses(form.cards),
            user=get_staff(request),
        )
        return _("The changes are recorded.")

    return _answer(request, "customers/customer_edit.html", form, customer, carry_out)


@sensitive_post_parameters()
@open_page("customers.propose_kycproposal", methods=METHODS_WITH_POST)
def change_kyc(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Change how well a customer is known, or propose it where that is for two people."""
    customer = find_person(unique_id)
    form = KycForm(customer, get_posted(request))

    def carry_out() -> object:
        reason = form.cleaned_data["reason"]
        proposal = kyc.change(
            customer_id=customer.pk, details=form.details, reason=reason, user=get_staff(request)
        )
        return PROPOSED_MESSAGE if proposal else _("The KYC is recorded.")

    waiting = _find_waiting("kyc", customer.kyc_proposals)
    return _answer(request, "customers/customer_kyc.html", form, customer, carry_out, waiting)


@open_page("customers.block_customer", methods=METHODS_WITH_POST)
def block(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Block a customer at once, with a reason."""
    customer = find_person(unique_id)
    form = ReasonForm(get_posted(request))

    def carry_out() -> object:
        blocking.block(customer_id=customer.pk, user=get_staff(request), **form.cleaned_data)
        return _("The customer is blocked: every check is declined from now on.")

    return _answer(request, "customers/customer_block.html", form, customer, carry_out)


@open_page("customers.propose_unblocking", methods=METHODS_WITH_POST)
def unblock(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Propose to unblock a customer, with a reason."""
    customer = find_person(unique_id)
    form = ReasonForm(get_posted(request))

    def carry_out() -> object:
        user = get_staff(request)
        blocking.propose_unblocking(customer_id=customer.pk, user=user, **form.cleaned_data)
        return PROPOSED_MESSAGE

    waiting = _find_waiting("unblocking", customer.unblockings)
    return _answer(request, "customers/customer_unblock.html", form, customer, carry_out, waiting)


def _answer(
    request: HttpRequest,
    template: str,
    form: forms.Form,
    customer: Customer,
    carry_out: Callable[[], object],
    waiting: str = "",
) -> HttpResponse:
    """Show the form, or what is wrong with it; or do it, say so and go to the customer. `waiting`
    is the address of a proposal that stands in the way.
    """
    focus_first(form)
    back = write_customer_address(customer.pk)
    context = {"form": form, "customer": customer, "customer_url": back, "waiting": waiting}
    context["here"] = request.path
    is_right = form.is_valid()
    if is_looking(request):
        return render(request, "includes/looked.html", context)
    if is_right:
        try:
            messages.success(request, str(carry_out()))
            return go(request, back)
        except Unavailable:
            raise
        except Refusal as refusal:
            _refuse(form, refusal, getattr(form, "details", CustomerDetails()))
    return render_form(request, template, form, context)


def _find_waiting(kind: str, proposals: Any) -> str:
    found = proposals.filter(state=FourEyes.State.PROPOSED).first()
    return reverse("approval", args=[kind, found.pk]) if found else ""


def _make_call(form: OnboardForm) -> idempotency.Call | None:
    message, processor = form.message, form.processor
    if message is None or processor is None:
        return None
    return idempotency.Call(
        processor, Operation.ADD_CUSTOMER, message.ref_id, message.make_content()
    )


def _find_matches(form: OnboardForm) -> list[matches.Match]:
    return matches.find_matches(form.read_details(), form.processor) if form.is_bound else []


def _describe_likenesses(alike: list[matches.Match], form: OnboardForm) -> dict[str, Any]:
    token = matches.sum_up_matches(alike) if alike else ""
    return {
        "alike": [(each, write_customer_address(each.customer.pk)) for each in alike],
        "token": token,
        "is_confirmed": not alike or form.data.get("confirmed") == token,
        "may_be_added": all(each.effect not in {None, matches.Effect.KNOWN} for each in alike),
    }


def _warn_of_matches(form: OnboardForm, alike: list[matches.Match]) -> None:
    """Say in the form what to do about who is alike, unless something else is wrong with it."""
    if not alike or form.processor is None or form.errors:
        return
    said = _("Somebody like that is on record: look at who it is, then go on.")
    known = next((each.customer for each in alike if each.effect == matches.Effect.KNOWN), None)
    form.add_error(None, _describe_known(known, form.processor) if known else said)


def _describe_known(customer: Customer, processor: Processor) -> SafeString:
    link = format_html('<a href="{}">{}</a>', write_customer_address(customer.pk), customer.name)
    said = _("{name} is on record through {processor}: nothing was added.")
    return format_html(said, name=link, processor=processor.system_id)


def _refuse(form: forms.Form, refusal: Refusal, details: CustomerDetails) -> None:
    """Say in the form why a service refused, and where staff decide, or have decided, about it."""
    refuse(form, refusal)
    if isinstance(refusal, Doubt):
        for said in _describe_doubts(details, holders=refusal.holders, claimant=refusal.claimant):
            form.add_error(None, said)


def _describe_doubts(
    details: CustomerDetails, *, holders: list[int], claimant: Customer | None
) -> Iterator[SafeString]:
    for review in find_reviews(details, holders=holders, claimant=claimant):
        said = _("A review item is open, which decides whose it is: {link}.")
        label = review.customer.name
        if review.outcome:
            said, label = _("Staff have decided about this: {link}."), review.get_outcome_display()
        link = format_html('<a href="{}">{}</a>', reverse("review", args=[review.pk]), label)
        yield format_html(said, link=link)


def _add(
    request: HttpRequest, form: OnboardForm, call: idempotency.Call, *, is_repeated: bool
) -> HttpResponse | None:
    """Add the customer; None, and errors in the form, where it is refused."""
    details = form.read_details()
    try:
        receipt, is_replay = customers.add_customer(
            call=call, details=details, user=get_staff(request)
        )
    except Unavailable:
        raise
    except Refusal as refusal:
        if is_repeated:
            form.add_error(None, _("This form has added a customer already; begin a new one."))
        else:
            _refuse(form, refusal, details)
        return None
    request.session[LAST_PROCESSOR_KEY] = call.processor.pk
    if not is_replay:  # whose first sending has said so
        for said in _describe_added(receipt, details, call.processor):
            messages.success(request, said)
    return go(request, write_customer_address(receipt.unique_id))


def _describe_added(
    receipt: Receipt, details: CustomerDetails, processor: Processor
) -> Iterator[str]:
    customer = Customer.objects.get(pk=receipt.unique_id)
    ids = people.list_ids(customer)
    others = Registration.objects.filter(customer_id__in=ids).exclude(processor=processor)
    if receipt.resp_code == customers.KNOWN_CODE:
        yield _describe_known(customer, processor)
    elif others.exists():
        said = _("%(name)s is now also known through %(processor)s. What is on record stays.")
        yield said % {"name": customer.name, "processor": processor.system_id}
    elif details.kyc_flag == Tier.FULL != receipt.tier:
        said = _(
            "The customer is added at Min KYC, with the unique id %(id)s. Full KYC waits for"
            " another person, under Approvals."
        )
        yield said % {"id": receipt.unique_id}
    else:
        yield _("The customer is added, with the unique id %(id)s.") % {"id": receipt.unique_id}
    number = details.mobile_number
    holder = records.find_holder(MOBILE_KIND, number) if number else None
    if holder and holder not in ids:
        yield from _describe_doubts(details, holders=[holder], claimant=customer)
