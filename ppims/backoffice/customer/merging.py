"""Proposing that two customers are one person, and that a merged one is another after all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers import people
from customers.forms import ReasonForm, refuse
from customers.forms.fields import focus_first
from customers.models import Customer, Merge
from customers.services.merging import find_waiting
from limits.services import merges
from ppims.backoffice.access import get_posted, is_looking, open_page, render_form
from ppims.backoffice.customer.merged_ids import find_person
from ppims.backoffice.customer.together import compare
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core.errors import Refusal, Unavailable
from ppims.core.formats import ist_date, mask_day
from ppims.models import FourEyes, User
from ppims.reports.search import LONGEST_QUERY_CHARACTERS, Hit, find_hits
from ppims.services.accounts import get_staff

METHODS_WITH_POST = ("GET", "POST")
OTHER_PARAMETER = "other"
PROPOSED_MESSAGE = gettext_lazy("It is proposed: another person approves it, under Approvals.")


class OtherForm(forms.Form):
    """Who the other customer is."""

    other = forms.CharField(
        label=gettext_lazy("The other customer"),
        help_text=gettext_lazy("Unique id, mobile, document, account or name"),
        max_length=LONGEST_QUERY_CHARACTERS,
        error_messages={"required": gettext_lazy("Enter who the other customer is.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


@dataclass(frozen=True)
class MergedId:
    """A Unique_Id that was merged into the customer's: who it was, since when it is, and where it
    is parted again, by whom that may be proposed.
    """

    customer: Customer = field(repr=False)
    since: str
    born: str = field(repr=False)
    address: str


@open_page("customers.propose_merge", methods=METHODS_WITH_POST)
def merge(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Ask who the other one is; then set both side by side, and take the proposal."""
    customer = find_person(unique_id)
    other_id = request.GET.get(OTHER_PARAMETER, "")
    if not other_id.isascii() or not other_id.isdecimal():
        return _find_other(request, customer)
    other = find_person(int(other_id[:18]))
    if other.pk == customer.pk:
        return redirect("customer-merge", customer.pk)

    def propose(reason: str, user: User) -> object:
        return merges.propose_merge(
            unique_id=customer.pk, other_id=other.pk, reason=reason, user=user
        )

    it = compare(customer, other)
    context = {"it": it, "customer": it.survivor, "waiting": _find_waiting(customer, other)}
    return _answer(request, "customers/customer_merge.html", context, propose)


@open_page("customers.propose_merge", methods=METHODS_WITH_POST)
def unmerge(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Propose that a merged customer is somebody else after all."""
    merged = get_object_or_404(Customer, pk=unique_id)
    customer = find_person(unique_id)
    if customer.pk == merged.pk:
        messages.error(request, _("This customer is merged into nobody."))
        return redirect("customer", customer.pk)

    def propose(reason: str, user: User) -> object:
        return merges.propose_unmerge(merged_id=merged.pk, reason=reason, user=user)

    context = {"customer": customer, "merged": merged, "waiting": _find_waiting(customer)}
    return _answer(request, "customers/customer_unmerge.html", context, propose)


def _answer(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    propose: Callable[[str, User], object],
) -> HttpResponse:
    """Show the form for the reason, or what is wrong with it; or propose, and lead to the one who
    survives.
    """
    form = ReasonForm(get_posted(request))
    focus_first(form)
    back = write_customer_address(context["customer"].pk)
    context |= {"form": form, "customer_url": back, "here": request.get_full_path()}
    is_right = form.is_valid()
    if is_looking(request):
        return render(request, "includes/looked.html", context)
    if is_right:
        try:
            propose(form.cleaned_data["reason"], get_staff(request))
        except Unavailable:
            raise
        except Refusal as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, str(PROPOSED_MESSAGE))
            return redirect(back)
    return render_form(request, template, form, context)


def list_merged(customer: Customer, merged: Sequence[Customer], user: User) -> list[MergedId]:
    """List who was merged into a customer, with where each may be parted again."""
    if not merged:
        return []
    ids = [customer.pk, *(each.pk for each in merged)]
    done = Merge.objects.filter(
        customer_id__in=ids, kind=Merge.Kind.MERGE, state=FourEyes.State.APPROVED
    )
    since = {each.merged_id: each.decided_at for each in done.order_by("pk")}
    may_part = user.has_perm("customers.propose_merge")
    return [
        MergedId(
            each,
            ist_date(since.get(each.pk)),
            mask_day(each.date_of_birth),
            reverse("customer-unmerge", args=[each.pk]) if may_part else "",
        )
        for each in merged
    ]


def _find_other(request: HttpRequest, customer: Customer) -> HttpResponse:
    """Ask who the other one is, and lead to both side by side; of several let one be chosen."""
    form = OtherForm(get_posted(request))
    focus_first(form)
    found: list[Hit] = []
    is_right = form.is_valid()
    if is_looking(request):
        return render(request, "includes/looked.html", {"form": form})
    if is_right:
        found = _list_others(form.cleaned_data[OTHER_PARAMETER], customer)
        if len(found) == 1:
            return redirect(_write_address(customer, found[0].customer_id))
        said = _("Choose who is meant.") if found else _("Nobody else is found by that.")
        form.add_error(None if found else OTHER_PARAMETER, said)
    context = {
        "customer": customer,
        "customer_url": write_customer_address(customer.pk),
        "found": [(hit, _write_address(customer, hit.customer_id)) for hit in found],
        "waiting": _find_waiting(customer),
        "here": request.get_full_path(),
    }
    return render_form(request, "customers/customer_merge_with.html", form, context)


def _list_others(text: str, customer: Customer) -> list[Hit]:
    """List the others whom a text may mean, each once."""
    hits = {hit.customer_id: hit for hit in find_hits(text) if hit.customer_id != customer.pk}
    return list(hits.values())


def _write_address(customer: Customer, other_id: int) -> str:
    address = reverse("customer-merge", args=[customer.pk])
    return f"{address}?{urlencode({OTHER_PARAMETER: other_id})}"


def _find_waiting(*customers: Customer) -> str:
    """Find the address of a proposal that stands in the way."""
    found = find_waiting([each for customer in customers for each in people.list_ids(customer)])
    return reverse("approval", args=["merge", found.pk]) if found else ""
