"""What a person's password may not be, beyond Django's own rules."""

from itertools import pairwise
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

FEWEST_CHARACTERS = 6  # different ones
FEWEST_TURNS = 4  # from one character to one that is neither the same nor its neighbour


class NotOnePattern:
    """Refuses what is long and nothing else: aaaaaaaaaaaa, abcdefghijkl, qwertyqwerty."""

    def validate(self, password: str, user: Any = None) -> None:
        folded = password.casefold()
        turns = sum(abs(ord(b) - ord(a)) > 1 for a, b in pairwise(folded))
        is_one_piece_again = folded in (folded + folded)[1:-1]
        if len(set(folded)) < FEWEST_CHARACTERS or turns < FEWEST_TURNS or is_one_piece_again:
            raise ValidationError(
                _("This password is one pattern, easily guessed."), code="password_one_pattern"
            )

    def get_help_text(self) -> str:
        return _("Your password can’t be one pattern, such as aaaa… or abcabc….")


class NotOneOfTheLast:
    """Refuses a person's last four passwords, the present one included."""

    def validate(self, password: str, user: Any = None) -> None:
        if user is not None and user.has_had(password):
            raise ValidationError(
                _("This is one of your last four passwords."), code="password_used_before"
            )

    def get_help_text(self) -> str:
        return _("Your password can’t be one of your last four.")
