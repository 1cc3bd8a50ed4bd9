"""An explanation of a check or an entry in words: the page and the command say the same."""

from ppims.backoffice.explanation.sections import Sheet
from ppims.backoffice.explanation.sheet import explain_in_words
from ppims.backoffice.explanation.text import write_text

__all__ = ["Sheet", "explain_in_words", "write_text"]
