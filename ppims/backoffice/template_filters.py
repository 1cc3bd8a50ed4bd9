"""How pages write money, time and codes: `{% load ppims %}`."""

from collections.abc import Callable
from datetime import datetime

from django import template
from django.templatetags.static import static
from django.utils import dateformat
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from ppims.backoffice import labels
from ppims.core import calendar, clock
from ppims.core.formats import (
    inr,
    ist,
    ist_date,
    ist_day,
    ist_start,
    ist_time,
    write_count,
    write_ist_second,
    write_month,
)

register = template.Library()
PAGE_FILTERS: dict[str, Callable[..., str]] = {
    "inr": inr,
    "ist": ist,
    "ist_date": ist_date,
    "ist_day": ist_day,
    "ist_time": ist_time,
    "ist_start": ist_start,
    "ist_second": write_ist_second,
    "count": write_count,
    "month": write_month,
    "tier": labels.name_tier,
    "reason": labels.name_reason,
    "operation": labels.name_operation,
    "customer_status": labels.name_customer_status,
    "lower_first": labels.lower_first,
}
for name, write in PAGE_FILTERS.items():
    register.filter(name, write)


@register.filter
def at_or_on(at: datetime) -> str:
    """Write an instant in a sentence: "at 4:17 PM" of today, else "on 26 Nov 2026, 12:05 AM"."""
    local = at.astimezone(calendar.IST)
    if local.date() == clock.today():
        return gettext("at %(time)s") % {"time": dateformat.format(local, "g:i A")}
    return gettext("on %(time)s") % {"time": ist(at)}


@register.filter
def percent(permille: int, decimals: int = 1) -> str:
    """Write a part of a thousand as a percentage: 855 is 85.5%."""
    whole, tenth = divmod(permille, 10)
    return f"{whole}.{tenth}%" if decimals and tenth else f"{whole}%"


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon of static/icons.svg, beside words that say the same."""
    return format_html(
        '<svg class="icon" width="16" height="16" aria-hidden="true"><use href="{}#{}"/></svg>',
        static("icons.svg"),
        name,
    )
