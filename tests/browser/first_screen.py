"""Counting what a page's first screen asks of its reader: figures, links and buttons in sight.

A figure is an amount, a count or a percentage that is read in <main>. A date, a time of day and an
identifier, masked or not, are none: the first two say when, the last one says who. Nor are counts
in a <nav>, such as those of tabs: they belong to the frame, like those of the menu. Links and
buttons are those of the whole page, its frame included; what folds out counts as a button.
"""

import re
from dataclasses import dataclass

from playwright.sync_api import Page

FIND_IN_SIGHT = """() => {
  const isIn = (box) => box.width > 1 && box.height > 1
    && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
  const seen = {visibilityProperty: true, opacityProperty: true};
  const isShown = (element) => element.checkVisibility(seen) && !element.closest('.unseen');
  const count = (selector) => [...document.querySelectorAll(selector)]
    .filter((found) => isShown(found) && [...found.getClientRects()].some(isIn)).length;
  const texts = [], range = document.createRange();
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    range.selectNodeContents(walker.currentNode);
    const holder = walker.currentNode.parentElement;
    if (isShown(holder) && !holder.closest('nav') && [...range.getClientRects()].some(isIn))
      texts.push(walker.currentNode.data);
  }
  return {
    texts,
    links: count('a[href]'),
    buttons: count('button, summary, [role=button], input[type=submit]'),
  };
}"""
MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
NO_FIGURES = re.compile(
    rf"\d+:\d\d(?::\d\d)?"  # a time of day
    rf"|\d+ {MONTH}(?: \d{{4}})?|{MONTH} \d{{4}}"  # a date, a month
    r"|\d+[-/]\d+(?:[-/]\d+)?"  # a date by numbers, a financial year
    r"|•[\d•/ -]*"  # what is left of a masked number
    r"|(?<![\w₹,.])\d{6,}"  # an identifier of digits: a figure so large has commas
    r"|[\w-]*[A-Za-z][\w-]*\d[\w-]*|\d+[A-Za-z][\w-]*"  # one with letters
)
FIGURE = re.compile(r"₹?\d+(?:,\d+)*(?:\.\d+)?%?")


@dataclass(frozen=True)
class FirstScreen:
    """How many of each are in sight before anybody scrolls."""

    figures: int
    links: int
    buttons: int

    @property
    def total(self) -> int:
        return self.figures + self.links + self.buttons


def count_first_screen(page: Page) -> FirstScreen:
    found = page.evaluate(FIND_IN_SIGHT)
    figures = [figure for text in found["texts"] for figure in list_figures(text)]
    return FirstScreen(len(figures), found["links"], found["buttons"])


def list_figures(text: str) -> list[str]:
    """List the amounts, counts and percentages of a text."""
    return FIGURE.findall(NO_FIGURES.sub(" ", text))
