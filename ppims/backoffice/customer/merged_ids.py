"""Which customer an address means: a Unique_Id that was merged leads to whom it means now."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from customers import survivors
from customers.models import Customer, Merge
from customers.search import UNIQUE_ID_DIGITS
from ppims.core.formats import ist_date
from ppims.models import FourEyes


def find_root(unique_id: int) -> int:
    """Find whom a Unique_Id of an address means now. Raises Http404 where it can be none."""
    if unique_id >= 10**UNIQUE_ID_DIGITS:
        raise Http404
    return survivors.find_root(unique_id)


def find_person(unique_id: int) -> Customer:
    """Find the customer whom a Unique_Id means now. Raises Http404."""
    return get_object_or_404(Customer, pk=find_root(unique_id))


def redirect_to_survivor(request: HttpRequest, unique_id: int, root: int) -> HttpResponse:
    """Redirect from a merged id's address to the survivor's page, and say why. Raises Http404 where
    no merge says so.
    """
    way = survivors.list_way_up(unique_id)
    merges = Merge.objects.filter(
        customer_id__in=way,
        merged_id=unique_id,
        kind=Merge.Kind.MERGE,
        state=FourEyes.State.APPROVED,
    )
    last = merges.order_by("-decided_at").first()
    if last is None:
        raise Http404
    said = _("%(id)s was merged into this customer on %(day)s.")
    messages.info(request, said % {"id": unique_id, "day": ist_date(last.decided_at)})
    return redirect("customer", root)
