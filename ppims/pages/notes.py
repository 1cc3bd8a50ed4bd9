"""Notes that staff add to a customer."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from customers import notes
from ppims.pages.access import page, staff
from ppims.pages.person import customer_or_404


class NoteForm(forms.Form):
    text = forms.CharField(
        label=_("Note"), max_length=notes.LONGEST, widget=forms.Textarea(attrs={"rows": 3})
    )


@page("customers.add_customernote", methods=("GET", "POST"))
def customer_note(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Add a note, and go back to the customer's notes."""
    found = customer_or_404(unique_id)
    form = NoteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        text = form.cleaned_data["text"]
        notes.add_note(customer_id=unique_id, text=text, user=staff(request))
        return redirect(f"{reverse('customer', args=[unique_id])}#notes")
    status = 422 if form.is_bound else 200
    return render(request, "ppims/note.html", {"customer": found, "form": form}, status=status)
