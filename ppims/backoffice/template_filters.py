"""How pages write money, time and codes: `{% load ppims %}`."""

from datetime import date, datetime

from django import template
from django.templatetags.static import static
from django.utils import dateformat
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from ppims.backoffice import labels
from ppims.core import clock
from ppims.core.days import NO_VALUE, ist, ist_date, ist_start
from ppims.core.money import to_inr

register = template.Library()
register.filter("ist", ist)
register.filter("ist_date", ist_date)
register.filter("ist_start", ist_start)
register.filter("tier", labels.name_tier)
register.filter("reason", labels.name_reason)
register.filter("customer_status", labels.name_customer_status)
register.filter("lower_first", labels.lower_first)


@register.filter
def inr(paise: int | None) -> str:
    """Write paise as rupees: ₹1,23,45,678.90; nothing as a dash."""
    return NO_VALUE if paise is None else to_inr(paise)


@register.filter
def at_or_on(at: datetime) -> str:
    """Write an instant in a sentence: "at 4:17 PM" of today, else "on 26 Nov 2026, 12:05 AM"."""
    local = at.astimezone(clock.IST)
    if local.date() == clock.now().astimezone(clock.IST).date():
        return gettext("at %(time)s") % {"time": dateformat.format(local, "g:i A")}
    return gettext("on %(time)s") % {"time": ist(at)}


@register.filter
def percent(permille: int, decimals: int = 1) -> str:
    """Write a part of a thousand as a percentage: 855 is 85.5%."""
    whole, tenth = divmod(permille, 10)
    return f"{whole}.{tenth}%" if decimals and tenth else f"{whole}%"


@register.filter
def month(number: int) -> str:
    """Write a month's number, 202611: Nov 2026."""
    year, place = divmod(number, 100)
    return dateformat.format(date(year, place, 1), "M Y")


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon of static/icons.svg, beside words that say the same."""
    return format_html(
        '<svg class="icon" width="16" height="16" aria-hidden="true"><use href="{}#{}"/></svg>',
        static("icons.svg"),
        name,
    )
