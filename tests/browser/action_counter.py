"""Counting what a person does on a page: a click, a submit and a filled field are one action each.

    acts = Acting(page)
    acts.fill("Search customers and transactions", "4321 verma")
    acts.submit()
    assert acts.count == 2

Going back and reloading are counted by nobody, nor is reading.
"""

from playwright.sync_api import Locator, Page


class ActionCounter:
    """A person in front of a page, and how many actions it took so far."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0
        self._field: Locator | None = None

    def fill(self, label: str | Locator, text: str) -> None:
        """Type into a field, key by key, as a person does; or choose of a list what it is called.

        The field is found by its label, or given.
        """
        field = self._find_field(label)
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(label=text)
        else:
            field.fill("")
            field.press_sequentially(text)
        self.count += 1
        self._field = field

    def submit(self) -> None:
        """Press Enter in the field that was filled last."""
        assert self._field is not None, "nothing was filled"
        self._field.press("Enter")
        self.count += 1

    def click(self, role: str, name: str, *, exact: bool = False) -> None:
        """Click a link, a button, a row's summary: by its role and what it is called."""
        self.press(self.page.get_by_role(role, name=name, exact=exact))  # type: ignore[arg-type]

    def press(self, what: Locator) -> None:
        """Click what was found otherwise."""
        what.click()
        self.count += 1

    def _find_field(self, label: str | Locator) -> Locator:
        if isinstance(label, Locator):
            return label
        return self.page.get_by_label(label, exact=True)
