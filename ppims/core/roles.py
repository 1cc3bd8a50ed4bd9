"""The five roles of the staff, each a group of permissions. Who may do what stands here alone."""

VIEW_PERMISSIONS = frozenset(
    f"{app}.view_{model}"
    for app, models in {
        "customers": "customer registration account card document kycchange duplicatereview"
        " unblocking customernote kycproposal merge numberpassedon customerimport",
        "limits": "limitrule limitcheck hold ledgerentry monthlyusage adjustment"
        " postingfinding refusedreport reportfinding notice",
        "ppims": "processor",
    }.items()
    for model in models.split()
)

ROLES: dict[str, frozenset[str]] = {
    "viewer": VIEW_PERMISSIONS,
    "maker": VIEW_PERMISSIONS
    | {
        "customers.add_customer",
        "customers.change_customer",
        "customers.block_customer",
        "customers.add_customernote",
        "customers.reveal_customer",
        "customers.propose_kycproposal",
        "customers.propose_unblocking",
        "customers.propose_merge",
        "customers.propose_numberpassedon",
        "customers.propose_customerimport",
        "customers.decide_duplicatereview",
        "ppims.view_keptcall",
        "limits.propose_adjustment",
        "limits.read_reports",
        "limits.add_reconciliation",
        "limits.add_postingfinding",
        "limits.add_reportfinding",
        "limits.close_notice",
    },
    "checker": VIEW_PERMISSIONS
    | {
        "customers.approve_kycproposal",
        "customers.approve_unblocking",
        "customers.approve_merge",
        "customers.approve_numberpassedon",
        "customers.approve_customerimport",
        "limits.approve_adjustment",
        "limits.read_reports",
        "ppims.view_keptcall",
    },
    "auditor": VIEW_PERMISSIONS
    | {
        "ppims.view_auditentry",
        "ppims.view_keptcall",
        "limits.make_seal",
        "customers.reveal_customer",
        "customers.export_customer",
        "limits.export_ledgerentry",
        "limits.read_reports",
    },
    "admin": VIEW_PERMISSIONS
    | {
        "ppims.view_user",
        "ppims.propose_staffchange",
        "ppims.approve_staffchange",
        "ppims.propose_processorchange",
        "ppims.approve_processorchange",
        "ppims.propose_keyrotation",
        "ppims.approve_keyrotation",
        "ppims.view_auditentry",
        "ppims.view_keptcall",
        "limits.add_limitrule",
        "limits.approve_limitrule",
        "limits.read_reports",
        "limits.make_seal",
    },
}
