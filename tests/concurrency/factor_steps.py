"""What a worker is told to do with second factors."""

from ppims.models import User
from ppims.services import second_factor
from tests.web.second_factors import make_code, set_up_factor


def set_up(username):
    """Set a person's second factor up anew: a code that counts once, and a recovery code."""
    user = User.objects.get(username=username)
    second_factor.remove(user=user)
    secret, codes = set_up_factor(user)
    return [make_code(secret), codes[0]]


def give(username, code):
    user = User.objects.get(username=username)
    return second_factor.check_code(user=user, code=code, source="::1").is_right


def draw(username, session_key):
    user = User.objects.get(username=username)
    return second_factor.draw_secret(user=user, session_key=session_key)


def remove(username):
    second_factor.remove(user=User.objects.get(username=username))


FACTOR_STEPS = {
    "set_up_factor": set_up,
    "give_code": give,
    "draw_secret": draw,
    "remove_factor": remove,
}
