"""Users: people of the staff, and their roles."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from ppims.core import roles
from ppims.models import User
from ppims.services import accounts
from ppims.services.accounts import get_staff
from ppims.services.read_only_admin import refuse_everyone


class RoleForm(forms.ModelForm):
    """A person of exactly one role, which makes one staff. An admin, who makes users, is so none of
    the two people of a decision.
    """

    groups = forms.ModelChoiceField(
        Group.objects.filter(name__in=roles.ROLES).order_by("name"),
        label="Role",
        empty_label="Choose a role",
        error_messages={"required": "Choose the role: without one nothing opens."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["groups"] = self.instance.groups.values_list("pk", flat=True).first()

    def clean_groups(self) -> list[Group]:
        sent = self.data.getlist("groups") if isinstance(self.data, QueryDict) else []
        if len(sent) > 1:
            raise forms.ValidationError("A user has exactly one role.")
        self.instance.is_staff = True
        return [self.cleaned_data["groups"]]


class StaffChangeForm(RoleForm, UserChangeForm):
    class Meta:
        model = User
        fields = ["username", "password", "first_name", "last_name", "email", "is_active", "groups"]


@admin.register(User)
class StaffAdmin(UserAdmin):
    """People of the staff. An admin gives them one-time passwords, and never knows another."""

    has_delete_permission = refuse_everyone
    form, add_form, add_form_template = StaffChangeForm, RoleForm, None
    person: Any = ("Person", {"fields": ["first_name", "last_name", "email"]})
    role: Any = ("Role", {"fields": ["groups", "is_active"]})
    fieldsets = [(None, {"fields": ["username", "password"]}), person, role]
    add_fieldsets = [(None, {"fields": ["username"]}), person, role]
    filter_horizontal = ()
    list_display = ["username", "first_name", "last_name", "role_name", "is_active"]
    list_filter = ["is_active", "groups"]
    search_fields = ["username"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="Role")
    def role_name(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all())) or "none: nothing opens"

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep a superuser, whom no role binds, out of the hands of those whom theirs binds."""
        if obj is not None and obj.is_superuser and not get_staff(request).is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """Ask, then give a one-time password; one's own is changed by oneself."""
        user = self.get_object(request, unquote(id))
        if user is None:
            raise Http404
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if user == get_staff(request):
            return redirect("password_change")
        if request.method == "POST":
            return self.show_one_time_password(request, user)
        return self._render_password_page(request, user)

    def response_add(self, request: HttpRequest, obj: User, *_: Any, **__: Any) -> HttpResponse:
        return self.show_one_time_password(request, obj)

    def show_one_time_password(self, request: HttpRequest, user: User) -> HttpResponse:
        """Show it in this very answer; whoever was logged in by the old one no longer is."""
        password = accounts.give_one_time_password(user=user, by=get_staff(request))
        return self._render_password_page(request, user, password=password)

    def _render_password_page(self, request: HttpRequest, user: User, **more: str) -> HttpResponse:
        page = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"One-time password of {user}",
            "person": user,
            **more,
        }
        headers = {"Cache-Control": "no-store"}
        return TemplateResponse(request, "admin/one_time_password.html", page, headers=headers)

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        accounts.record_user(action="user added", user=obj, by=get_staff(request))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        accounts.record_user(
            action="user changed", user=obj, by=get_staff(request), changes=message
        )
        return super().log_change(request, obj, message)
