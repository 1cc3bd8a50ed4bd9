"""The admin's site: who may enter, what its pages may be asked for, and what its lists never read.

Django lets any address look up any column of a list, by any look-up: `?password__regex=…` holds the
interpreter, `?mobile__startswith=…` tells a masked number digit by digit. Here a page takes the
parameters that it offers itself, and no others, whoever has registered it.
"""

from collections.abc import Iterable
from functools import wraps
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IS_POPUP_VAR, TO_FIELD_VAR
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ALL_VAR, ERROR_FLAG, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import BinaryField, DateField, DateTimeField, Field, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy

from ppims.core.days import DayField, DayInput, MomentField, MomentInput

View = Any  # Django's stubs know a narrower kind than its own admin passes
BACK_TO_LIST = "_changelist_filters"  # from a row's page back to its list as it was
HASH_COLUMNS = {"password", "former_password", "former_passwords"}
DIGITS_OF_A_KEY = 18  # of those that all fit into 64 bits
APP_NAMES = {"ppims": "Staff and processors", "limits": "Limits"}
POP_UPS = {IS_POPUP_VAR, TO_FIELD_VAR}  # no form of ours opens one, and they name columns


class Admin(AdminConfig):
    """Django's admin, with this site for its own."""

    default_site = "ppims.backoffice.admin_site.Site"


class Site(admin.AdminSite):
    site_header = site_title = "PPIMS"
    index_title = "Staff, processors and limits"
    site_url: Any = reverse_lazy("settings")

    def has_permission(self, request: HttpRequest) -> bool:
        """Let staff in, but not with a password that an admin knows."""
        user: Any = request.user
        return bool(user.is_active and user.is_staff and not user.has_one_time_password)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """List what there is to open below headings that say what it is."""
        found = super().get_app_list(request, app_label)
        return [{**app, "name": APP_NAMES.get(app["app_label"], app["name"])} for app in found]

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register models, Guarded before whatever their admin does: also another app's."""
        plain = admin_class or admin.ModelAdmin
        ours = type(plain.__name__, (Guarded, plain), {"__module__": plain.__module__})
        super().register(model_or_iterable, ours, **options)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Answer 400 to whatever the page doesn't offer, before anything is read for it."""

        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            offered = _list_parameters(request) if request.GET else set()
            if request.GET.keys() - offered or request.POST.keys() & POP_UPS:
                raise BadRequest("Not offered here")
            return view(request, *args, **kwargs)

        return super().admin_view(answer, cacheable)


class Guarded(admin.ModelAdmin):  # type: ignore[type-arg]
    """What every model's pages have before their own: a list reads no hash and counts no choices,
    and a form reads days as people in India type them.
    """

    formfield_overrides: ClassVar[Any] = {
        DateField: {"form_class": DayField, "widget": DayInput},
        DateTimeField: {"form_class": MomentField, "widget": MomentInput},
    }
    show_facets = admin.ShowFacets.NEVER  # a count of the whole table for each choice of a filter

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Find a row; of what can be no row's key none, without asking the database."""
        may_be = may_be_key(self.model, object_id)
        return super().get_object(request, object_id, from_field) if may_be else None

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *more: Any
    ) -> HttpResponse | None:
        """Do what is asked to the rows that are chosen; 400 where one can't be a row at all."""
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(may_be_key(self.model, text) for text in chosen):
            raise BadRequest("No rows to choose")
        return super().response_action(request, queryset, *more)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        beside = self.list_select_related
        return defer_secrets(
            super().get_queryset(request), () if isinstance(beside, bool) else beside
        )


def may_be_key(model: type[Model], text: str) -> bool:
    """Return whether a text may be a row's key; more than 64 bits is a fault in a database."""
    if text.lstrip("-").isdecimal() and len(text) > DIGITS_OF_A_KEY:
        return False
    try:
        model._meta.pk.to_python(text)
    except ValidationError:
        return False
    return True


def defer_secrets(rows: QuerySet[Any], beside: Iterable[str] = ()) -> QuerySet[Any]:
    """Leave hashes, digests and what is encrypted unread, of rows and of those read beside them."""
    models: dict[str, Any] = {"": rows.model}
    models |= {f"{name}__": rows.model._meta.get_field(name).related_model for name in beside}
    return rows.defer(
        *(f"{at}{name}" for at, model in models.items() for name in list_secrets(model))
    )


def list_secrets(model: type[Model]) -> list[str]:
    """Name the columns that no list needs: hashes of passwords, digests, and what is encrypted."""
    columns = model._meta.concrete_fields
    return [f.name for f in columns if isinstance(f, BinaryField) or f.name in HASH_COLUMNS]


def _list_parameters(request: HttpRequest) -> set[str]:
    """Name the parameters that a page of the admin offers in its own links and forms."""
    here = request.resolver_match
    assert here  # a page of the admin was found for it
    model_admin, page = getattr(here.func, "model_admin", None), str(here.url_name)
    if page.endswith("_history"):
        return {PAGE_VAR}
    if model_admin is None or not page.endswith("_changelist"):
        return {BACK_TO_LIST}
    names = {PAGE_VAR, ALL_VAR, ERROR_FLAG}
    if model_admin.get_search_fields(request):
        names.add(SEARCH_VAR)
    if model_admin.get_sortable_by(request):
        names.add(ORDER_VAR)
    return names | _list_filter_parameters(request, model_admin)


def _list_filter_parameters(request: HttpRequest, model_admin: Any) -> set[str]:
    listed = model_admin.get_list_filter(request)
    offered = (_find_filter(it, request, model_admin).expected_parameters() for it in listed)
    return {name for names in offered for name in names or () if name}


def _find_filter(listed: Any, request: HttpRequest, model_admin: Any) -> admin.ListFilter:
    """Make a filter of list_filter as a list does, of no choice yet."""
    model = model_admin.model
    if callable(listed):
        return listed(request, {}, model, model_admin)  # type: ignore[no-any-return]
    field, make = (
        listed if isinstance(listed, list | tuple) else (listed, admin.FieldListFilter.create)
    )
    path = None
    if not isinstance(field, Field):
        path, field = field, get_fields_from_path(model, field)[-1]
    return make(field, request, {}, model, model_admin, field_path=path)  # type: ignore[no-any-return]
