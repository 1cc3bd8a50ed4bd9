"""The forms by which an admin proposes a change of the staff."""

from typing import Any

from django import forms
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils.translation import gettext_lazy as _

from customers.forms.fields import make_reason_field
from ppims.core import free_text
from ppims.core.errors import Refusal
from ppims.core.roles import ROLES
from ppims.models import User
from ppims.services.staff_changes import NewPerson

# As a person reads them: by how much one may do.
ROLE_TEXTS = {
    "viewer": _("viewer: looks at everything, changes nothing"),
    "maker": _("maker: works with customers, and proposes"),
    "checker": _("checker: approves what a maker proposes"),
    "auditor": _("auditor: reads the audit, and exports"),
    "admin": _("admin: limits, processors and staff"),
}
assert set(ROLE_TEXTS) == set(ROLES)


class ReasonForm(forms.Form):
    """Why somebody's access, or a key, is changed."""

    marks_required = False
    reason = make_reason_field()

    def refuse(self, refusal: Refusal) -> None:
        """Say why a service refused, beside the field that it names."""
        for name, message in refusal.errors or [("", refusal.message)]:
            self.add_error(name if name in self.fields else None, message)


def _make_role_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        label=_("Role"),
        choices=[("", _("Choose a role")), *ROLE_TEXTS.items()],
        error_messages={"required": _("Choose the role: without one nothing opens.")},
    )


class RoleForm(ReasonForm):
    """Another role."""

    role = _make_role_field()
    field_order = ("role", "reason")


class NewPersonForm(ReasonForm):
    """Somebody new, of one role."""

    username = forms.CharField(
        label=_("Username"),
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
        error_messages={
            "required": _("Enter the username."),
            "invalid": _("Enter a username of letters, digits and @ . + - _ alone."),
        },
    )
    first_name = forms.CharField(label=_("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=150, required=False)
    email = forms.EmailField(label=_("Email"), max_length=254, required=False)
    role = _make_role_field()
    field_order = ("username", "first_name", "last_name", "email", "role", "reason")

    def clean(self) -> dict[str, Any] | None:
        for name in ("first_name", "last_name"):
            if free_text.has_controls(self.cleaned_data.get(name, "")):
                self.add_error(name, _("Enter the name without control characters."))
        username = self.cleaned_data.get("username")
        if username and User.objects.filter(username__iexact=username).exists():
            self.add_error("username", _("Enter another username: somebody has this one."))
        return super().clean()

    @property
    def person(self) -> NewPerson:
        said = self.cleaned_data
        names = ("username", "role", "first_name", "last_name", "email")
        return NewPerson(**{name: said[name] for name in names})
