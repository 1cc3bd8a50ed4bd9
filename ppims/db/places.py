"""Where each table stands once a database is spread over many machines (docs/operations.md, "Many
machines"): the one list of it. A test lets no table be without a place.
"""

# The rows with the same value of this column are on one machine.
COLUMN_BY_TABLE = {
    "customers_customer": "unique_id",
    **dict.fromkeys(
        (
            *("customers_account", "customers_card", "customers_customernote"),
            *("customers_document", "customers_duplicatereview", "customers_kycchange"),
            *(
                "customers_kin",
                "customers_kycproposal",
                "customers_merge",
                "customers_nameword",
                "customers_numberpassedon",
                "customers_receipt",
            ),
            *("customers_registration", "customers_unblocking", "limits_adjustment"),
            *("limits_hold", "limits_ledgerentry", "limits_ledgerhead", "limits_limitcheck"),
            *("limits_monthlyusage", "limits_postingfinding", "limits_refusedreport"),
            *("limits_reportfinding", "limits_watched"),
        ),
        "customer_id",
    ),
    # The audit of a customer stands beside the customer.
    **dict.fromkeys(("ppims_auditentry", "ppims_audithead"), "subject"),
    # Unique over all customers: whoever looks here doesn't know yet whose the row is.
    "ppims_replaykey": "ref_id",
    "customers_identifier": "digest",
}
# All others by a customer's number are beside this one, shard by shard.
FIRST_TABLE = "customers_customer"
FOUND_BY_THEMSELVES = frozenset({"ppims_replaykey", "customers_identifier"})
# Small, read by everyone, seldom written: whole on every machine.
REFERENCE_TABLES = frozenset(
    {
        *("ppims_user", "ppims_processor", "limits_limitrule", "limits_ruleset"),
        *("customers_importfile", "customers_customerimport"),
    }
)
# On the coordinator: what belongs to no customer and isn't joined to what does.
LOCAL_TABLES = frozenset(
    {
        *("limits_seal", "limits_figures", "limits_notice"),
        *("ppims_keyinuse", "ppims_keptcall", "ppims_secondfactor", "ppims_recoverycode"),
        *("ppims_staffchange", "ppims_processorchange", "ppims_job", "ppims_staffsession"),
        "ppims_failedaccess",
        "ppims_keyrotation",
        *("limits_reconciliation", "limits_reconciliationdifference"),
        *("ppims_user_groups", "ppims_user_user_permissions", "auth_group", "auth_permission"),
        *("auth_group_permissions", "django_admin_log", "django_content_type", "django_session"),
        *("axes_accessattempt", "axes_accessattemptexpiration", "axes_accessfailurelog"),
        "axes_accesslog",
    }
)
# What may point at a row of another customer, since the two were merged once: no foreign key
# between tables that are spread by customer can say that.
POINTING_AT_KIN = frozenset(
    {
        ("limits_hold", "limit_check_id"),
        ("limits_ledgerentry", "adjustment_id"),
        ("limits_ledgerentry", "limit_check_id"),
        ("limits_ledgerentry", "reverses_id"),
        ("limits_refusedreport", "posting_id"),
    }
)
REFERENCE_PLACE, LOCAL_PLACE = "reference", "local"


def find_place(table: str) -> str | None:
    """Find a table's place: the column that it is spread by, REFERENCE_PLACE or LOCAL_PLACE; None:
    nobody has given it one.
    """
    if table in COLUMN_BY_TABLE:
        return COLUMN_BY_TABLE[table]
    if table in REFERENCE_TABLES:
        return REFERENCE_PLACE
    return LOCAL_PLACE if table in LOCAL_TABLES else None


def is_beside_customers(table: str) -> bool:
    """Whether a table's rows stand on the machine of the customer they are about."""
    return table in COLUMN_BY_TABLE and table not in FOUND_BY_THEMSELVES
