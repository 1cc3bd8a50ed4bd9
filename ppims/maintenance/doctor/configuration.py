"""The settings: whether they can be read, and whether they are fit for what is served by them."""

import re
from collections.abc import Iterator

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from ppims.core.formats import name_count
from ppims.maintenance.doctor.findings import Finding, approve, refuse, warn
from ppims.maintenance.doctor.place import Place

EXAMPLE_FILE = ".env.example"
NAME_PATTERN = re.compile(r"^#?(PPIMS_[A-Z_]+)=", re.MULTILINE)
# What a unit or a test sets for others than the program.
NAMES_OF_OTHERS = re.compile(r"PPIMS_(TEST|BENCH)_|PPIMS_PASSWORD$")
WHOLE_INTERNET_BITS = 8  # of a network's address: fewer hold whole continents


def check_readable(place: Place) -> Iterator[Finding]:
    """Check that the settings can be read, in the words with which a start refuses them; and not at
    all where that would make a folder or keys that nobody has.
    """
    if not place.data_dir.is_dir():
        mend = "start once by python3 -m ppims, or set PPIMS_DATA_DIR to the folder with the data"
        yield refuse("settings.read", "not read: that would make the data folder anew", mend)
    elif any(not path.exists() for path in place.list_key_files().values()):
        mend = "put the key files back first; a new installation: start by python3 -m ppims"
        yield refuse("settings.read", "not read: that would make the missing keys anew", mend)
    else:
        yield _read_settings()


def _read_settings() -> Finding:
    mend = "set what it names as .env.example says"
    try:
        told = "production" if settings.PRODUCTION else "a demo (PPIMS_ENV=demo)"
    except ImproperlyConfigured as error:
        return refuse("settings.read", str(error), mend)
    except OSError as error:  # most often a NAME_FILE
        said = ": ".join(filter(None, (error.strerror, error.filename)))
        return refuse("settings.read", f"can't be read: {said}", mend)
    except UnicodeError:  # its text may be a secret
        return refuse("settings.read", "can't be read: a file that isn't UTF-8", mend)
    return approve("settings.read", f"this is {told}")


def check_names(place: Place) -> Iterator[Finding]:
    """Check that each variable of ours is one that something reads: a slip of the pen has no
    effect, and nobody says so.
    """
    example = place.root / EXAMPLE_FILE
    if not example.exists():
        return
    known = set(NAME_PATTERN.findall(example.read_text("utf-8")))
    given = {name for name in place.environment if name.startswith("PPIMS_")}
    strange = sorted(
        name
        for name in given
        if name.removesuffix("_FILE") not in known and name not in known
        if not NAMES_OF_OTHERS.match(name)
    )
    if strange:
        said = f"nothing reads {', '.join(strange)}"
        yield warn("settings.names", said, "unset it, or write it as .env.example does")
    else:
        yield approve("settings.names", f"{name_count(len(given), 'variable')}, all known")


def check_reach() -> Iterator[Finding]:
    """Check who can reach the server, and by what."""
    if not settings.PRODUCTION:
        if not settings.PPIMS_THIS_MACHINE_ALONE:
            said = "other machines reach this demo, whose passwords anybody can know"
            yield warn(
                "settings.demo", said, "unset PPIMS_DEMO_OPEN; real data: PPIMS_ENV=production"
            )
        return
    hosts = settings.ALLOWED_HOSTS
    if not hosts:
        mend = "PPIMS_ALLOWED_HOSTS=ppims.example.in"
        yield refuse("settings.hosts", "no host name is allowed: it doesn't serve", mend)
    elif "*" in hosts:
        mend = "name the hosts in PPIMS_ALLOWED_HOSTS"
        yield refuse("settings.hosts", "every host name is allowed", mend)
    else:
        yield approve("settings.hosts", f"answers to {', '.join(hosts)}")
    yield from _check_proxy()


def _check_proxy() -> Iterator[Finding]:
    if not settings.PPIMS_BEHIND_TLS_PROXY:
        said = "nothing says that a proxy ends TLS: every page is redirected, every call is 403"
        yield refuse("settings.https", said, "PPIMS_BEHIND_TLS_PROXY=1, with TLS at the proxy")
        return
    yield approve("settings.https", "a proxy ends TLS")
    networks = settings.PPIMS_TRUSTED_PROXIES
    mend = "PPIMS_TRUSTED_PROXIES=the addresses of your proxies"
    if not networks:
        said = (
            "no proxy is named: everybody's address is the proxy's, X-Forwarded-Proto is anyone's"
        )
        yield warn("settings.proxies", said, mend)
    elif wide := [str(each) for each in networks if each.prefixlen < WHOLE_INTERNET_BITS]:
        said = f"{', '.join(wide)} may say any address: throttles and the audit believe it"
        yield refuse("settings.proxies", said, mend)
    else:
        yield approve("settings.proxies", f"of proxies: {name_count(len(networks), 'network')}")


def check_deployment() -> Iterator[Finding]:
    """Check what Django itself checks of a deployment."""
    if not settings.PRODUCTION:
        return
    if not settings.PPIMS_SECOND_FACTOR:
        said = "staff log in by a password alone"
        yield warn("settings.second_factor", said, "PPIMS_SECOND_FACTOR=1")
    found = checks.run_checks(include_deployment_checks=True)
    if grave := [f"{each.id}: {each.msg}" for each in found if each.level >= checks.WARNING]:
        mend = "python3 -m ppims manage check --deploy"
        yield refuse("settings.deploy", "; ".join(grave), mend)
    else:
        yield approve("settings.deploy", "Django's checks of a deployment find nothing")
