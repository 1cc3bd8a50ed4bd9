"""Users, processors and limit rules, for admins to look through. A row opens on its page, and *Add*
leads to the page that proposes one: so there is one way to change them, and it takes two admins.
"""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from limits.models import LimitRule
from ppims.core.formats import write_ist_second
from ppims.models import Processor, User
from ppims.services.accounts import get_staff
from ppims.services.read_only_admin import refuse_everyone


class Table(admin.ModelAdmin):
    """Rows to look through, whose pages are `row_page` and `add_page`, the names of addresses."""

    row_page: ClassVar[str]
    add_page: ClassVar[str]
    actions = None
    has_change_permission = has_delete_permission = refuse_everyone
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return get_staff(request).has_perm("ppims.view_user")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def add_view(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        self.require_view_permission(request)
        return redirect(self.add_page)

    def change_view(self, request: HttpRequest, object_id: str, *_: Any, **__: Any) -> HttpResponse:
        self.require_view_permission(request)
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return redirect(*self.find_page(row))

    def require_view_permission(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def find_page(self, row: Any) -> tuple[Any, ...]:
        """Find the page of a row: the name of its address, and what that takes."""
        return (self.row_page, row.pk)


@admin.register(User)
class StaffTable(Table):
    row_page, add_page = "staff-member", "staff-add"
    list_display = ["username", "first_name", "last_name", "role_name", "is_active"]
    list_filter = ["is_active", "groups"]
    search_fields = ["username"]
    ordering = ["username"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("Role"))
    def role_name(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all()))


@admin.register(Processor)
class ProcessorTable(Table):
    row_page, add_page = "processor", "processor-new"
    list_display = ["system_id", "name", "username", "state", "hold_minutes"]
    list_filter = ["state"]
    ordering = ["system_id"]


@admin.register(LimitRule)
class LimitRuleTable(Table):
    row_page, add_page = "limits", "limits-change"
    list_display = ["tier", "direction", "window", "limit", "start", "state", "maker", "checker"]
    list_filter = ["state", "tier", "direction", "window"]
    list_select_related = ["maker", "checker"]
    ordering = ["-pk"]

    @admin.display(description=_("Limit"))
    def limit(self, rule: LimitRule) -> str:
        return rule.amount_text

    @admin.display(description=_("In force from"))
    def start(self, rule: LimitRule) -> str:
        return write_ist_second(rule.in_force_from)

    def find_page(self, row: Any) -> tuple[Any, ...]:
        return (self.row_page,)  # it has all of them
