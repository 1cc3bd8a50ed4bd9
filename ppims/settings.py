"""Settings: all from the environment; a secret NAME may be given as NAME_FILE instead. See
.env.example.
"""

import ipaddress
import os
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from ppims.core import binds, key_sources, keys, private_files
from ppims.db import url

BASE_DIR = Path(__file__).resolve().parent.parent


def read_text(name: str, default: str = "") -> str:
    """Read NAME, or the file that NAME_FILE names."""
    path = os.environ.get(f"{name}_FILE")
    return Path(path).read_text("utf-8").strip() if path else os.environ.get(name, default)


def read_words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in read_text(name, default).split(",") if word.strip()]


def read_number(name: str, default: int, *, least: int, most: int) -> int:
    value = read_text(name, str(default))
    if not value.isdecimal() or not least <= int(value) <= most:
        raise ImproperlyConfigured(f"{name} is a whole number from {least} to {most}")
    return int(value)


def read_flag(name: str, default: str = "0") -> bool:
    value = read_text(name, default).lower()
    if value not in {"0", "1", "true", "false", ""}:
        raise ImproperlyConfigured(f"{name} is 0 or 1")
    return value in {"1", "true"}


PPIMS_ENV = read_text("PPIMS_ENV", "demo")
if PPIMS_ENV not in {"demo", "production"}:
    raise ImproperlyConfigured("PPIMS_ENV is demo or production")
PRODUCTION = PPIMS_ENV == "production"
# The demo's passwords are no secret: requests from elsewhere are refused, however it is bound.
PPIMS_THIS_MACHINE_ALONE = not PRODUCTION and not read_flag("PPIMS_DEMO_OPEN")
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024  # of a page: no form needs more

# --- where data lives -----------------------------------------------------------------------------

private_files.make_only_private_files()
PPIMS_DATA_DIR = Path(read_text("PPIMS_DATA_DIR") or BASE_DIR / "var").resolve()
PPIMS_DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

DATABASE_URL = (
    read_text("DATABASE_URL") or f"sqlite:///{quote(str(PPIMS_DATA_DIR / 'ppims.sqlite3'))}"
)
PPIMS_BUSY_SECONDS = read_number("PPIMS_BUSY_SECONDS", 5, least=1, most=60)
PPIMS_STATEMENT_SECONDS = read_number("PPIMS_STATEMENT_SECONDS", 30, least=0, most=3600)
try:
    DATABASES = {
        "default": url.make_settings(
            DATABASE_URL,
            busy_seconds=PPIMS_BUSY_SECONDS,
            statement_seconds=PPIMS_STATEMENT_SECONDS,
        )
    }
except ValueError:  # its text may hold the password
    raise ImproperlyConfigured(
        "DATABASE_URL is sqlite:///PATH or postgres://USER:PASSWORD@HOST/NAME"
    ) from None
SQLITE = DATABASES["default"]["ENGINE"] == url.SQLITE_ENGINE
SQLITE_FILE = Path(str(DATABASES["default"]["NAME"]))
# The demo's own controls (clock, faults, reset) exist: a reset takes away what only grows.
PPIMS_STAND_IN = SQLITE and not PRODUCTION
HAS_DATA = SQLITE and SQLITE_FILE.exists()  # of PostgreSQL nobody knows before it is opened
if SQLITE:
    private_files.make_database_private(SQLITE_FILE)
DEFAULT_AUTO_FIELD = "ppims.db.fields.BigId"

# One thread a process makes the API's writes, many to one commit: ppims/db/group_commit.py. A
# database in memory is one thread's own.
PPIMS_GROUP_COMMIT = read_flag("PPIMS_GROUP_COMMIT", "1") and str(SQLITE_FILE) != ":memory:"
PPIMS_THREADS = read_number("PPIMS_THREADS", 4, least=1, most=1000)
PPIMS_QUEUE_LENGTH = read_number("PPIMS_QUEUE_LENGTH", 512, least=1, most=100_000)
PPIMS_QUEUE_SECONDS = read_number("PPIMS_QUEUE_SECONDS", 5, least=1, most=60)
PPIMS_CONNECTIONS_PER_ADDRESS = read_number(
    "PPIMS_CONNECTIONS_PER_ADDRESS", 250, least=1, most=100_000
)


# --- /metrics: behind a token, or at an address of its own; else there is none, but in a demo -----

PPIMS_METRICS_TOKEN = read_text("PPIMS_METRICS_TOKEN")
if PPIMS_METRICS_TOKEN and not re.fullmatch("[!-~]{32,}", PPIMS_METRICS_TOKEN):
    raise ImproperlyConfigured("PPIMS_METRICS_TOKEN is at least 32 letters, digits and signs")
PPIMS_METRICS_BIND = read_text("PPIMS_METRICS_BIND")
try:
    _host, PPIMS_METRICS_PORT = binds.split_bind(PPIMS_METRICS_BIND or "127.0.0.1:0")
except ValueError:
    raise ImproperlyConfigured("PPIMS_METRICS_BIND is HOST:PORT, such as 127.0.0.1:9464") from None
if not PPIMS_METRICS_TOKEN and not binds.is_of_this_machine(_host):
    raise ImproperlyConfigured(
        "PPIMS_METRICS_BIND is an address of this machine, such as 127.0.0.1:9464, unless there is"
        " a PPIMS_METRICS_TOKEN"
    )

# --- keys: var/keys at first start, the environment, or a command that prints them ----------------

PPIMS_KEY_COMMAND = os.environ.get("PPIMS_KEY_COMMAND", "")
PPIMS_KEY_PLACES: dict[str, str] = {}  # where each ring's text is, for those who change it


def read_key_ring(name: str) -> keys.Ring:
    """Read PPIMS_<NAME>_KEYS, else what PPIMS_KEY_COMMAND prints, else the key file. Only a new
    installation makes the file.
    """
    path = PPIMS_DATA_DIR / "keys" / f"{name}.key"
    variable = f"PPIMS_{name.upper()}_KEYS"
    given = read_text(variable)
    if given:
        place = f"{variable}_FILE" if os.environ.get(f"{variable}_FILE") else variable
    elif PPIMS_KEY_COMMAND:
        given, place = _ask_key_command(name), "PPIMS_KEY_COMMAND"
    else:
        _ensure_key_file(path)
        place = ""
    PPIMS_KEY_PLACES[name] = place
    if problem := _describe_readers_of_keys(place, path):
        raise ImproperlyConfigured(f"The {name} keys are no secret: {problem}")
    try:
        return keys.read_ring(given or path.read_text("utf-8"))
    except ValueError:  # nor its cause, which quotes what it can't read
        raise ImproperlyConfigured(
            f"The {name} keys are not 32 bytes each, in base64, each once and the first in use."
        ) from None


def _ask_key_command(name: str) -> str:
    try:
        return key_sources.run_key_command(PPIMS_KEY_COMMAND, name)
    except key_sources.CommandFailed as error:
        raise ImproperlyConfigured(
            f"PPIMS_KEY_COMMAND gave no {name} keys: it {error}. Run it by hand to see why."
        ) from None


def _ensure_key_file(path: Path) -> None:
    # With another key the ledger's signatures would all look forged.
    if HAS_DATA and not path.exists():
        raise ImproperlyConfigured(
            f"The key file {path} is missing, and there are data that need it: restore it."
        )
    if keys.make_key_file(path):
        PPIMS_NEW_KEY_FILES.append(path)


def _describe_readers_of_keys(place: str, own: Path) -> str:
    """Say that others may read the file that the keys are in; "" where nobody else may."""
    # The group of a file that is named is for whoever mounts it there to choose.
    if place.endswith("_FILE"):
        return private_files.describe_readers(Path(os.environ[place]), private_files.OTHERS_BITS)
    return "" if place else private_files.describe_readers(own, private_files.ANYONE_ELSE)


PPIMS_NEW_KEY_FILES: list[Path] = []  # those made just now
PPIMS_LEDGER_KEYS = read_key_ring("ledger")
PPIMS_DIGEST_KEYS = read_key_ring("digest")
PPIMS_DOCUMENT_KEYS = read_key_ring("document")
PPIMS_SESSION_KEYS = read_key_ring("session")
SECRET_KEY, *SECRET_KEY_FALLBACKS = [key.secret.hex() for key in PPIMS_SESSION_KEYS]

# --- the API --------------------------------------------------------------------------------------

PPIMS_API_PREFIXES = [p.strip("/") for p in read_words("PPIMS_API_PREFIXES", "/api/PPIM/v1")]
if not PPIMS_API_PREFIXES or not all(PPIMS_API_PREFIXES):
    raise ImproperlyConfigured("PPIMS_API_PREFIXES needs at least one path")
PPIMS_STRICT_DOCUMENTS = read_flag("PPIMS_STRICT_DOCUMENTS")
PPIMS_HOLD_MINUTES = read_number("PPIMS_HOLD_MINUTES", 15, least=1, most=1440)
# Each call is kept with its bodies, for whoever builds against a demo.
PPIMS_KEEPS_BODIES = not PRODUCTION
PPIMS_FILE_BYTES = read_number("PPIMS_FILE_MIB", 64, least=1, most=64) * 1024 * 1024
PPIMS_CALLS_DAYS = read_number("PPIMS_CALLS_DAYS", 30, least=1, most=3_660)
# How long without one until the daily watch says so; 0: never.
PPIMS_SEAL_DAYS = read_number("PPIMS_SEAL_DAYS", 2, least=0, most=366)
PPIMS_VERIFICATION_DAYS = read_number("PPIMS_VERIFICATION_DAYS", 8, least=0, most=366)
PPIMS_BACKUP_DAYS = read_number("PPIMS_BACKUP_DAYS", 2, least=0, most=366)
# How old a processor's password may be until the daily watch says so; 0: any age.
PPIMS_PASSWORD_DAYS = read_number("PPIMS_PASSWORD_DAYS", 365, least=0, most=3_660)
# Who hasn't logged in for so long is deactivated by the daily watch; 0: nobody.
PPIMS_DEACTIVATE_UNUSED_DAYS = read_number("PPIMS_DEACTIVATE_UNUSED_DAYS", 0, least=0, most=3_660)
if PPIMS_DEACTIVATE_UNUSED_DAYS in range(1, 30):  # too soon: people have leave
    raise ImproperlyConfigured("PPIMS_DEACTIVATE_UNUSED_DAYS is 0 or at least 30")
PPIMS_FAILED_LOGINS_PER_USERNAME = read_number(
    "PPIMS_FAILED_LOGINS_PER_USERNAME", 60, least=1, most=10**6
)
PPIMS_FAILED_LOGINS_PER_ADDRESS = read_number(
    "PPIMS_FAILED_LOGINS_PER_ADDRESS", 300, least=1, most=10**6
)
PPIMS_FAILED_LOGINS_WINDOW_SECONDS = read_number(
    "PPIMS_FAILED_LOGINS_WINDOW_SECONDS", 300, least=1, most=86_400
)
# How often one person of the staff may look at what is masked.
PPIMS_REVEALS_PER_HOUR = read_number("PPIMS_REVEALS_PER_HOUR", 30, least=1, most=1_000)
PPIMS_TRUSTED_PROXIES = [ipaddress.ip_network(word) for word in read_words("PPIMS_TRUSTED_PROXIES")]
PPIMS_BEHIND_TLS_PROXY = PRODUCTION and read_flag("PPIMS_BEHIND_TLS_PROXY")
PPIMS_CLOCK_OFFSET_FILE = read_text(
    "PPIMS_CLOCK_OFFSET_FILE", str(PPIMS_DATA_DIR / "clock-offset") if PPIMS_STAND_IN else ""
)
if "PPIMS_CLOCK_OFFSET_FILE" in os.environ and PRODUCTION:
    raise ImproperlyConfigured(
        "PPIMS_CLOCK_OFFSET_FILE is for trying things out: production refuses it"
    )

# --- Django ---------------------------------------------------------------------------------------

ALLOWED_HOSTS = read_words("PPIMS_ALLOWED_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = read_words("PPIMS_TRUSTED_ORIGINS")
INSTALLED_APPS = [
    "ppims",
    "customers",
    "limits",
    "ppims.backoffice.admin_site.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "axes",
    "template_partials",
]
MIDDLEWARE = [
    "ppims.api.dispatch.make_middleware",
    "ppims.server.health.make_middleware",
    "ppims.metrics.page.make_middleware",
    "ppims.backoffice.access.refuse_nul",
    "django.middleware.security.SecurityMiddleware",
    "ppims.server.static_files.StaticFiles",
    "csp.middleware.CSPMiddleware",
    "ppims.services.sessions.Cleared",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "ppims.backoffice.access.Authentication",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "ppims.backoffice.access.keep_private",
    "ppims.backoffice.access.keep_alive",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "ppims.urls"
WSGI_APPLICATION = "ppims.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ppims.backoffice.menu.make_frame",
            ],
            "libraries": {"ppims": "ppims.backoffice.template_filters"},
        },
    }
]
AUTH_USER_MODEL = "ppims.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
] + [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "ppims.core.passwords.NotOnePattern"},
    {"NAME": "ppims.core.passwords.NotOneOfTheLast"},
]
PASSWORD_HASHERS = ["ppims.services.credentials.Argon2"]
LANGUAGE_CODE = "en-in"
FORMAT_MODULE_PATH = ["ppims.core.locales"]
TIME_ZONE = "Asia/Kolkata"

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# In production they are collected, named by their content, compressed and kept by browsers.
STATIC_ROOT = PPIMS_DATA_DIR / "static" if PRODUCTION else None
WHITENOISE_USE_FINDERS = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "ppims.server.static_files.Storage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- logging in: five guesses, fifteen minutes of nothing, twelve hours of anything ---------------

LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "login", "home", "login"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# A code of an app after the password, from everybody.
PPIMS_SECOND_FACTOR = read_flag("PPIMS_SECOND_FACTOR", "1" if PRODUCTION else "0")
PPIMS_FRESH_CODE_SECONDS = 15 * 60  # after which some things ask for another
SESSION_ENGINE = "ppims.services.sessions"
SESSION_COOKIE_AGE = 15 * 60
PPIMS_SESSION_SECONDS = 12 * 60 * 60  # whatever one does meanwhile
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # never in a cookie
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "ppims.backoffice.login.find_address"
AXES_USERNAME_CALLABLE = "ppims.backoffice.login.digest_counted_name"
AXES_LOCKOUT_CALLABLE = "ppims.backoffice.login.refuse_locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = AXES_VERBOSE = False

# --- what a browser may do ------------------------------------------------------------------------
# Django's own values do for the rest: X-Frame-Options, Referrer-Policy, HttpOnly, SameSite.

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
CSRF_FAILURE_VIEW = "ppims.backoffice.errors.csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
if PRODUCTION:
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 86_400
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    if PPIMS_BEHIND_TLS_PROXY:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "ppims.server.logs.Formatter"}},
    "handlers": {"stderr": {"class": "ppims.server.logs.Handler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": read_text("PPIMS_LOG_LEVEL", "INFO")},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "WARNING", "propagate": False}
        for name in ("axes", "django")
    },
}
