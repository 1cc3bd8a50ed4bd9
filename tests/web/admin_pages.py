"""Staff of each role with a browser, and the admin's addresses."""

import re
from html import unescape
from itertools import count
from time import time

from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from ppims.models import User
from tests.factories import ensure_roles

_numbers = count(1)


def make_user(role, **fields):
    ensure_roles()
    user = User.objects.create(username=f"{role}{next(_numbers)}", is_staff=True, **fields)
    user.groups.add(Group.objects.get(name=role))
    return user


def open_browser(role):
    client = Client()
    client.force_login(make_user(role))
    session = client.session
    session["seen"] = session["began"] = int(time())  # as a log-in leaves it
    session.save()
    return client


def write_list_url(name):
    return reverse(f"admin:{name}_changelist")


def write_add_url(name):
    return reverse(f"admin:{name}_add")


def write_change_url(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def run_action(client, row, action, *, follow=False, **more):
    """Choose one row of the list, and an action."""
    body = {"action": action, "_selected_action": row.pk, **more}
    address = write_list_url(f"{row._meta.app_label}_{row._meta.model_name}")
    return client.post(address, body, follow=follow)


def read_words(response):
    """Give a page's text, white space and tags made single spaces."""
    text = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(unescape(text).split()) + " "
