"""Clients that check, report, add and update, one thing after another, and know what they were told
of each.
"""

import random
import time
from collections import Counter
from dataclasses import dataclass

from tests.crash.server import Client, NoAnswer
from tests.factories import make_person

CHECK, REPORT = "check-customer-limit", "update-customer-limit"
ADD, CHANGE = "add-customer", "update-customer"
SIGN_OF_KIND = {"S": 1, "R": -1, "F": 0}


@dataclass
class SentRequest:
    """One request, under its Ref_Id; `answer` is the first that was heard."""

    operation: str
    fields: dict[str, str]
    answer: object = None
    is_closed: bool = False  # of an allowed check: it was reported, so its hold is gone

    @property
    def was_allowed(self):
        return self.answer.data.get("Allow_Customer") == "T"


class WritingClient:
    """Asks by chance until no answer comes; then it may ask again."""

    def __init__(self, server, number):
        self.client = Client(server)
        self.name = f"K{number}"
        self.draw = random.Random(number)
        self.customers, self.asked, self.posted, self.checks = [], [], [], {}
        self.unanswered, self.repeated, self.refused = None, 0, 0
        self.used = Counter()  # paise, by customer and direction

    def work(self):
        """Ask until no answer comes: was that last request sent?"""
        try:
            while True:
                self.ask_until_answered(self.draw_ref())
        except NoAnswer as nothing:
            return nothing.was_sent
        finally:
            self.client.close()

    def heal(self):
        """Ask again what was not answered, and then all since the last time: had the former been
        recorded all the same?
        """
        asked = self.unanswered
        if asked:
            self.ask_until_answered(asked)
        self.repeat(self.asked[self.repeated :])
        self.repeated = len(self.asked)
        return asked is not None and asked.answer.is_replay

    def repeat_some(self, most):
        self.repeat(self.draw.sample(self.asked, min(most, len(self.asked))))

    def repeat(self, some):
        """Ask again what was answered: it is answered the same."""
        for asked in some:
            again = self.client.ask(asked.operation, **asked.fields)
            if asked.is_closed:
                assert again.data["Allow_Customer"] == "F", again
                assert again.meta["Decision"]["Reason"] == "HOLD_CLOSED", again
            else:
                assert (again.is_replay, again.said) == (True, asked.answer.said), again
        self.client.close()

    def ask_until_answered(self, asked):
        """Ask until it is recorded or refused, and remember what of it counts. Raises NoAnswer."""
        self.unanswered = asked
        answer = self.client.ask(asked.operation, **asked.fields)
        while answer.status == 503:
            assert answer.headers["Retry-After"] == "1", answer
            self.refused += 1
            time.sleep(0.02)
            answer = self.client.ask(asked.operation, **asked.fields)
        assert (answer.status, answer.data["Resp_Code"]) == (200, "000"), (asked, answer)
        asked.answer, self.unanswered = answer, None
        self.asked.append(asked)
        if asked.operation == ADD:
            self.customers.append(answer.data["Unique_Id"])
        if asked.operation == CHECK:
            self.checks[asked.fields["Ref_Id"]] = asked
        if asked.operation == REPORT:
            self.send_report(asked.fields)

    def send_report(self, fields):
        sign = SIGN_OF_KIND[fields["Tran_Status"]]
        customer, direction = int(fields["Unique_Id"]), fields["Tran_Type"]
        self.used[customer, direction] += sign * read_paise(fields["Amount"])
        if "Enquiry_Ref_Id" in fields:
            self.checks[fields["Enquiry_Ref_Id"]].is_closed = True
        if fields["Tran_Status"] == "S":
            self.posted.append(fields)

    # What is asked next.

    def draw_ref(self):
        last = self.asked[-1] if self.asked else None
        if last and last.operation == CHECK and last.was_allowed and self.draw_chance(95):
            return self.make_report(last.fields)
        acts = [self.check, self.add, self.change, self.undo]
        act, *_ = self.draw.choices(acts, [80, 8, 7, 8 if self.posted else 0])
        return act() if self.customers else self.add()

    def draw_chance(self, percent):
        return self.draw.randrange(100) < percent

    def draw_name(self, operation, **fields):
        return SentRequest(operation, {"Ref_Id": f"{self.name}-{len(self.asked):06d}", **fields})

    def check(self):
        amount = f"{self.draw.randrange(1, 200)}.{self.draw.randrange(100):02d}"
        fields = {"Unique_Id": self.draw.choice(self.customers), "Amount": amount}
        return self.draw_name(CHECK, **fields, Tran_Type=self.draw.choice("DDDC"))

    def make_report(self, check):
        same = {name: check[name] for name in ("Unique_Id", "Amount", "Tran_Type")}
        status = "S" if self.draw_chance(85) else "F"
        tran_id = f"T{check['Ref_Id']}"
        enquiry = check["Ref_Id"]
        return self.draw_name(
            REPORT, **same, Tran_Status=status, Tran_Id=tran_id, Enquiry_Ref_Id=enquiry
        )

    def undo(self):
        posting = self.posted.pop(self.draw.randrange(len(self.posted)))
        same = {name: posting[name] for name in ("Unique_Id", "Amount", "Tran_Type", "Tran_Id")}
        return self.draw_name(REPORT, **same, Tran_Status="R")

    def add(self):
        tier = self.draw.choice("PF")
        document = f"7{int(self.name[1:]):04d}{len(self.asked):07d}"
        ovid = {"Ovid_Type": "ADR", "Ovid_Value": document} if tier == "F" else {}
        return self.draw_name(ADD, **make_person(KYC_Flag=tier, **ovid))

    def change(self):
        return self.draw_name(
            CHANGE,
            Unique_Id=self.draw.choice(self.customers),
            Email_Id=f"{len(self.asked)}@example.in",
        )


def read_paise(amount):
    return int(amount.replace(".", ""))
