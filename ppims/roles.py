"""The five roles of the staff, each a group of permissions. Who may do what is decided here
alone.
"""

from django.contrib.auth.models import Group, Permission

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
        "limits.propose_adjustment",
        "limits.add_postingfinding",
        "limits.add_reportfinding",
    },
    "checker": VIEW
    | {
        "customers.approve_kycproposal",
        "customers.approve_unblocking",
        "limits.approve_adjustment",
    },
    "auditor": VIEW
    | {
        "ppims.view_auditentry",
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
        "limits.add_limitrule",
        "limits.approve_limitrule",
        "limits.make_seal",
    },
}


def set_up() -> None:
    """Make each role's group hold exactly its permissions. Any number of times."""
    known = {
        f"{p.content_type.app_label}.{p.codename}": p
        for p in Permission.objects.select_related("content_type")
    }
    for role, names in ROLES.items():
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set([known[name] for name in names])
