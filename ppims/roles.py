"""The five roles of the staff, each a group of permissions. Who may do what is decided here
alone.
"""

from django.contrib.auth.models import Group, Permission

from ppims.models import User

VIEW = frozenset(
    f"{app}.view_{model}"
    for app, models in {
        "customers": "customer registration account card document kycchange duplicatereview"
        " unblocking customernote kycproposal",
        "limits": "limitrule limitcheck hold ledgerentry monthlyusage adjustment seal"
        " postingfinding refusedreport reportfinding",
        "ppims": "processor",
    }.items()
    for model in models.split()
)

ROLES: dict[str, frozenset[str]] = {
    "viewer": VIEW,
    "maker": VIEW
    | {
        "customers.add_customer",
        "customers.change_customer",
        "customers.block_customer",
        "customers.add_customernote",
        "customers.reveal_customer",
        "customers.propose_kycproposal",
        "customers.propose_unblocking",
        "customers.decide_duplicatereview",
        "ppims.view_refusedcall",
        "limits.propose_adjustment",
        "limits.add_postingfinding",
        "limits.add_reportfinding",
    },
    "checker": VIEW
    | {
        "customers.approve_kycproposal",
        "customers.approve_unblocking",
        "limits.approve_adjustment",
        "ppims.view_refusedcall",
    },
    "auditor": VIEW
    | {
        "ppims.view_auditentry",
        "ppims.view_refusedcall",
        "limits.make_seal",
        "customers.reveal_customer",
        "customers.export_customer",
    },
    "admin": VIEW
    | {
        f"ppims.{verb}_{model}"
        for verb in ("add", "change", "view")
        for model in ("user", "processor")
    }
    | {
        "auth.view_group",
        "ppims.view_refusedcall",
        "limits.add_limitrule",
        "limits.approve_limitrule",
        "limits.make_seal",
    },
}


def set_up() -> None:
    """Make each role's group hold exactly its permissions, and staff of whoever is in one: no one
    else. Any number of times.
    """
    known = {
        f"{p.content_type.app_label}.{p.codename}": p
        for p in Permission.objects.select_related("content_type")
    }
    for role, names in ROLES.items():
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set([known[name] for name in names])
    in_a_role = User.objects.filter(groups__name__in=ROLES)
    plain = User.objects.filter(is_superuser=False)
    plain.filter(is_staff=False, pk__in=in_a_role).update(is_staff=True)
    plain.filter(is_staff=True).exclude(pk__in=in_a_role).update(is_staff=False)
