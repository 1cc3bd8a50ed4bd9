"""Staff of each role with a browser, and the admin's addresses."""

import re
from html import unescape
from itertools import count
from time import time

from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from ppims.models import User
from ppims.services import role_groups

_numbers = count(1)


def user_of(role, **fields):
    role_groups.set_up()
    user = User.objects.create(username=f"{role}{next(_numbers)}", is_staff=True, **fields)
    user.groups.add(Group.objects.get(name=role))
    return user


def browser_of(role):
    client = Client()
    client.force_login(user_of(role))
    session = client.session
    session["seen"] = session["began"] = int(time())  # as a log-in leaves it
    session.save()
    return client


def list_url(name):
    return reverse(f"admin:{name}_changelist")


def add_url(name):
    return reverse(f"admin:{name}_add")


def change_url(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def act(client, row, action, *, follow=False, **more):
    """Choose one row of the list, and an action."""
    body = {"action": action, "_selected_action": row.pk, **more}
    address = list_url(f"{row._meta.app_label}_{row._meta.model_name}")
    return client.post(address, body, follow=follow)


def words_of(response):
    """Give a page's text, white space and tags made single spaces."""
    text = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(unescape(text).split()) + " "
