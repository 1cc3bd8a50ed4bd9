"""What stands on a hand-over sheet: where to call, as whom, and a first call that works."""

import json
import shlex
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from ppims.core import clock
from ppims.core.networks import list_networks
from ppims.models import Processor

# A number that nobody was given: the first call reads, and finds nobody.
SAMPLE_MOBILE = "916000000000"


def describe_sheet(request: HttpRequest, processor: Processor, password: str) -> dict[str, Any]:
    """Give what the sheet is drawn from; the password goes nowhere else."""
    address = request.build_absolute_uri(f"/{settings.PPIMS_API_PREFIXES[0]}")
    return {
        "processor": processor,
        "networks": list_networks(processor.networks),
        "password": password,
        "made_at": clock.now(),
        "address": address,
        "curl": write_first_call(address, processor, password),
    }


def write_first_call(address: str, processor: Processor, password: str) -> str:
    """Write a command that asks whether a mobile number is known, for a shell to run as it is."""
    asked = {
        "Ref_Id": f"{processor.system_id[:20]}-FIRST",
        "System_Id": processor.system_id,
        "Mobile_Number": SAMPLE_MOBILE,
    }
    data = {"Check_Reg_Status": asked, "Username": processor.username, "Password": password}
    body = json.dumps({"Data": data, "Risk": {}})
    called = shlex.quote(f"{address}/customer-registration-status")
    return f"curl -s {called} -d {shlex.quote(body)}"
