"""Processors: who may call, and their passwords."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from ppims.models import Processor
from ppims.services import accounts
from ppims.services.accounts import get_staff
from ppims.services.read_only_admin import refuse_everyone

PLAIN_VALIDATORS = {
    "system_id": RegexValidator(r"\A[A-Za-z0-9_-]+\Z", "Only A-Z, a-z, 0-9, - and _."),
    "username": RegexValidator(r"\A[!-~]+\Z", "Letters, digits and signs, without spaces."),
}


class ProcessorForm(forms.ModelForm):
    hold_minutes = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1440,
        help_text=Processor._meta.get_field("hold_minutes").help_text,
    )

    class Meta:
        model = Processor
        fields = accounts.PROCESSOR_FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in PLAIN_VALIDATORS.keys() & self.fields.keys():
            self.fields[name].validators.append(PLAIN_VALIDATORS[name])


@admin.action(description="Make a new password", permissions=["change"])
def make_new_password(
    model_admin: "ProcessorAdmin", request: HttpRequest, queryset: QuerySet[Processor]
) -> HttpResponse | None:
    chosen = list(queryset[:2])
    if len(chosen) != 1:
        model_admin.message_user(request, "Choose exactly one.", messages.ERROR)
        return None
    return model_admin.show_new_password(request, chosen[0])


@admin.register(Processor)
class ProcessorAdmin(admin.ModelAdmin):
    form = ProcessorForm
    has_delete_permission = refuse_everyone
    actions = [make_new_password]
    fields = accounts.PROCESSOR_FIELDS
    list_display = ["system_id", "name", "username", "state", "hold_minutes"]
    ordering = ["system_id"]

    def get_readonly_fields(self, request: HttpRequest, obj: Processor | None = None) -> Any:
        return ["system_id", "username"] if obj else []

    def log_addition(self, request: HttpRequest, obj: Processor, message: Any) -> Any:
        accounts.record_processor(action="processor added", processor=obj, by=get_staff(request))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Processor, message: Any) -> Any:
        accounts.record_processor(
            action="processor changed", processor=obj, by=get_staff(request), changes=message
        )
        return super().log_change(request, obj, message)

    def response_add(
        self, request: HttpRequest, obj: Processor, *_: Any, **__: Any
    ) -> HttpResponse:
        return self.show_new_password(request, obj)

    def show_new_password(self, request: HttpRequest, processor: Processor) -> HttpResponse:
        """Show a new password in this very answer: no session, message or cookie ever holds it."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"Password of {processor}",
            "opts": self.opts,
            "processor": processor,
            "password": accounts.give_processor_password(
                processor=processor, by=get_staff(request)
            ),
        }
        headers = {"Cache-Control": "no-store"}
        return TemplateResponse(request, "admin/processor_password.html", context, headers=headers)
