"""All settings, and the only reader of the environment.

A value that cannot be parsed stops the start with one line that names the variable and the mend.
"""

import logging
import os
import re
import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import available_timezones

import dj_database_url
from csp.constants import NONE, SELF
from redis import ConnectionPool

BASE_DIR = Path(__file__).resolve().parent.parent
OWN_SECRETS = (
    *("SECRET_KEY", "SECRET_KEY_FILE", "DATABASE_URL", "REDIS_URL", "METRICS_TOKEN", "EMAIL_URL"),
)
FOREIGN_SECRETS = re.compile("PASS|^(PG|AWS_|DJANGO_)")
DEVELOPMENT_KEY = "for-development-only-" + "0123456789" * 5  # which everybody knows
MAIL_WISHES = ([("tls", "1")], [("tls", "0")])
COMMAND = [*sys.argv, "help"][1] if Path(sys.argv[0]).name == "manage.py" else ""


def refuse(name: str, mend: str) -> NoReturn:
    raise SystemExit(f"{name}: {mend}")


def flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "")
    if value not in ("", "0", "1"):
        refuse(name, f"{value!r} is neither 1 nor 0")
    return value == "1" if value else default


def listing(name: str, default: str = "") -> list[str]:
    entries = (os.environ.get(name) or default).split(",")
    return [entry.strip() for entry in entries if entry.strip()]


def address(url: str, *schemes: str) -> str:
    """Return what follows the scheme of `url` up to the path; empty if it cannot be read."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # is only read, and refused, when asked for
    except ValueError:
        return ""
    return parts.netloc or parts.path if parts.scheme in schemes else ""


def hosts(name: str, default: str) -> list[str]:
    entries = listing(name, default) or refuse(name, "names no host")
    for entry in entries:
        if not re.fullmatch(r"\*|\.?[\w.-]+|\[[0-9a-fA-F:.]+\]", entry):
            refuse(name, f"{entry!r} is not a host name; write it without scheme, port and path")
    return entries


def origins(name: str) -> list[str]:
    entries = [entry.lower() for entry in listing(name)]  # as browsers write them
    for entry in entries:
        host = address(entry, "http", "https")
        is_whole = entry.partition("://")[2] == host and not {" ", "@"} & {*host}
        if not host or host.startswith(":") or not is_whole:
            refuse(name, f"{entry!r} is not an origin; write it like https://chat.example.org")
    return entries


def number(name: str, default: int, least: int = 0) -> int:
    value = os.environ.get(name, "")
    if not re.fullmatch("[0-9]{0,9}", value):
        refuse(name, f"{value[:20]!r} is not a whole number of at most nine digits")
    found = int(value) if value else default
    return found if found >= least else refuse(name, f"{value!r} is less than {least}")


def secret_key() -> str:
    if file := os.environ.get("SECRET_KEY_FILE"):
        try:
            key = Path(file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            refuse("SECRET_KEY_FILE", f"{file!r} cannot be read: {error}")
        return key or refuse("SECRET_KEY_FILE", f"{file!r} is empty")
    if key := os.environ.get("SECRET_KEY", "").strip():
        return key
    if DEVELOPMENT:
        return DEVELOPMENT_KEY
    refuse("SECRET_KEY", "not set; give a long random text, or a file of it in SECRET_KEY_FILE")


def database() -> dict[str, Any]:
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{BASE_DIR / 'db.sqlite3'}"
    try:
        config: dict[str, Any] = dict(dj_database_url.parse(url))
    except Exception:  # the library raises whatever urllib and int() raise
        refuse("DATABASE_URL", "cannot be read; write sqlite:///path or postgres://host/name")
    if config["NAME"] in ("", ":memory:"):
        refuse("DATABASE_URL", "names no database; write sqlite:///path or postgres://host/name")
    if config["ENGINE"] == "django.db.backends.sqlite3":
        if not (folder := Path(config["NAME"]).parent).is_dir():
            refuse("DATABASE_URL", f"there is no folder {str(folder)!r}")
        if Path(config["NAME"]).is_dir():
            refuse("DATABASE_URL", f"{config['NAME']!r} is a folder; name a file in it")
        # WAL lets readers go on while one writes; IMMEDIATE makes a second writer wait its turn
        # instead of failing in the middle (https://docs.djangoproject.com/en/5.2/ref/databases/).
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 5,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
        config["TEST"] = {"NAME": f"{config['NAME']}.test"}
    elif config["ENGINE"] == "django.db.backends.postgresql":
        # Where a host is gone nobody refuses a connection, and no answer ever says so.
        waits = {"connect_timeout": 3, "keepalives_idle": 30, "keepalives_interval": 5}  # seconds
        # Threads that last keep one each, six of them; each page that is being made has one, too.
        # PostgreSQL allows 100 as it comes. Once connecting has failed for so long, the next who
        # wants a connection tries at once: the pool itself would after a long outage wait nearly
        # as long again.
        pool = {"min_size": 2, "max_size": 20, "timeout": 2, "reconnect_timeout": 2}  # seconds
        config["OPTIONS"] = {**waits, **config.get("OPTIONS", {}), "pool": pool}
    else:
        refuse("DATABASE_URL", "only sqlite:// and postgres:// are supported")
    return config


def is_redis(url: str) -> bool:
    """Return whether the library can use `url`; by itself it says that when it is too late."""
    if not address(url, "redis", "rediss", "unix"):
        return False
    try:
        ConnectionPool.from_url(url).make_connection()  # which does not connect yet
    except (TypeError, ValueError):
        return False
    return url.startswith("unix:") or re.fullmatch("/?[0-9]*", urlsplit(url).path) is not None


def redis_urls() -> list[str]:
    urls = listing("REDIS_URL")
    for url in urls:
        if not is_redis(url):
            shown = url.rpartition("@")[2]  # before that may stand a password
            refuse("REDIS_URL", f"{shown!r} is not a Redis address; write redis://host:6379/0")
    return urls


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(entry, strict=False) for entry in listing(name)]
    except ValueError as error:
        refuse(name, f"{error}; write addresses or networks like 169.254.10.0/24")


def mail() -> dict[str, Any]:
    """Return Django's settings for EMAIL_URL; without one, mail is only written to the console."""
    url = os.environ.get("EMAIL_URL", "")
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    mend = "write smtp://user:password@host:587/?tls=1, or smtps:// for TLS from the start"
    if not address(url, "smtp", "smtps") or not (parts := urlsplit(url)).hostname:
        refuse("EMAIL_URL", f"cannot be read; {mend}")  # not repeated: it holds a password
    wishes = parse_qsl(parts.query, keep_blank_values=True)
    if parts.path not in ("", "/") or parts.fragment or wishes not in ([], *MAIL_WISHES):
        refuse("EMAIL_URL", f"has more than a server, and ?tls=1 or ?tls=0; {mend}")
    is_ssl, starts_tls = parts.scheme == "smtps", wishes == [("tls", "1")]
    if is_ssl and wishes:
        refuse("EMAIL_URL", "smtps:// is TLS from the start; leave out ?tls")
    return {
        "EMAIL_BACKEND": "chat.mail.Outgoing",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if is_ssl else 587 if starts_tls else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": is_ssl,
        "EMAIL_USE_TLS": starts_tls,
        "EMAIL_TIMEOUT": 20,  # seconds
    }


def sender(name: str, default: str) -> str:
    value = os.environ.get(name, "").strip() or default
    if not re.fullmatch(r"[^\s<>@]+@[^\s<>@]+|[^<>@\r\n]+ <[^\s<>@]+@[^\s<>@]+>", value):
        refuse(name, f"{value!r} is no sender; write chat@example.org or Chat <chat@example.org>")
    return value


def provider_key(variable: str) -> str | None:
    """Return the key that the environment holds under the name `variable`; None if it has none.

    What is a secret of the chat or of its machine is no provider's key, whoever names it.
    """
    own = variable in OWN_SECRETS or FOREIGN_SECRETS.search(variable)
    is_name = re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", variable)
    return os.environ.get(variable, "").strip() or None if is_name and not own else None


def time_zone() -> str:
    name = os.environ.get("TIME_ZONE") or "UTC"
    return name if name in available_timezones() else refuse("TIME_ZONE", f"{name!r} is unknown")


# Serving for others, and checking that, wants a secret of one's own; what one types beside
# `runserver` on the embedded database (createsuperuser, loaddata, …) does not.
EMBEDDED_DATABASE = not os.environ.get("DATABASE_URL")
DEVELOPMENT = COMMAND == "runserver" or (EMBEDDED_DATABASE and COMMAND not in ("", "check"))

DEBUG = flag("DEBUG", default=COMMAND == "runserver")
SECRET_KEY = secret_key()
ALLOWED_HOSTS = hosts("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = origins("CSRF_TRUSTED_ORIGINS")

# Whose pages may call the API from their visitors' browsers.
CORS_ALLOWED_ORIGINS = origins("CORS_ALLOWED_ORIGINS")
API_PATHS = "^/(api|chat|chat-stream|history)(/|$)"  # where programs call
CORS_URLS_REGEX = API_PATHS
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_HEADERS = (
    *("accept", "authorization", "content-type", "idempotency-key", "last-event-id", "x-csrftoken"),
)
CORS_EXPOSE_HEADERS = (
    *("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    *("Location", "Link", "WWW-Authenticate", "Content-Disposition"),
)
CORS_PREFLIGHT_MAX_AGE = 7200  # seconds; browsers take no more

LOG_LEVEL = os.environ.get("LOG_LEVEL", "").upper() or "INFO"
if LOG_LEVEL not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
    refuse("LOG_LEVEL", f"{LOG_LEVEL!r} is none of DEBUG, INFO, WARNING, ERROR, CRITICAL")

LOG_FORMAT = os.environ.get("LOG_FORMAT", "").lower() or "line"
if LOG_FORMAT not in ("line", "json"):
    refuse("LOG_FORMAT", f"{LOG_FORMAT!r} is neither line nor json")

INSTALLED_APPS = [
    "chat",  # before daphne: its runserver is daphne's, which first brings the database up to date
    "daphne",
    "channels",
    "corsheaders",
    "csp",
    "ninja",  # for its static files, of which /docs consists
    "servestatic",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
]
MIDDLEWARE = [
    "chat.middleware.PolicyMiddleware",  # outermost: redirects, errors and files bear it too
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "chat.middleware.ApiMiddleware",  # what all below it answer to a program is put in one form
    "chat.middleware.UnavailableMiddleware",
    "chat.middleware.HostMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "chat.middleware.NoticesMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
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
            ]
        },
    }
]
ROOT_URLCONF = "chatproject.urls"
ASGI_APPLICATION = "chatproject.asgi.application"

DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# How many processes serve, as hosts of applications say it. None is started for it: it is for
# chat.checks.
WEB_CONCURRENCY = number("WEB_CONCURRENCY", 1, least=1)
REDIS_URLS = redis_urls()
CHANNEL_LAYERS: dict[str, Any] = {
    "default": (
        {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": REDIS_URLS},
        }
        if REDIS_URLS
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}
CACHES: dict[str, Any] = {
    "default": (
        {
            "BACKEND": "chat.cache.Cache",
            "LOCATION": REDIS_URLS[0],
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},  # seconds
        }
        if REDIS_URLS
        else {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 100_000},  # beyond, it forgets limits at random
        }
    )
}

AUTH_USER_MODEL = "chat.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{validator}"}
    for validator in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "home"
SESSION_ENGINE = "chat.sessions"
SESSION_COOKIE_AGE = 90 * 24 * 3600  # a guest's only way back to what they wrote

AUTHENTICATION_BACKENDS = ["chat.accounts.Backend"]
ACCOUNT_ADAPTER = "chat.accounts.Adapter"
ACCOUNT_FORMS = {
    name: f"chat.account_forms.{form}"
    for name, form in (
        ("login", "Login"),
        ("signup", "SignUp"),
        ("add_email", "Email"),
        ("change_password", "ChangePassword"),
        ("set_password", "SetPassword"),
        ("reset_password", "ResetPassword"),
        ("reset_password_from_key", "NewPassword"),
        ("reauthenticate", "Reauthenticate"),
    )
}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_USERNAME_MIN_LENGTH = 2
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_CHANGE_EMAIL = True  # one address, which another replaces once that is confirmed
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before the address changes that a reset is mailed to
# Whether there is an account of an e-mail address, nobody is told, and nobody gets mail of it who
# has none. Usernames are public here: that one is taken is said.
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",  # the key is the name that somebody tries to be
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/m/key",
    "reset_password_from_key": "20/m/ip",
    "reauthenticate": "10/m/user",
    "change_password": "10/m/user",
    "manage_email": "20/m/user",
    "confirm_email": "1/m/key",  # mails with a link, to one address
}

vars().update(mail())
DEFAULT_FROM_EMAIL = SERVER_EMAIL = sender("DEFAULT_FROM_EMAIL", "Chat <chat@localhost>")

LANGUAGE_CODE = "en"
TIME_ZONE = time_zone()
USE_I18N = USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
OWN_STATIC_ROOT = BASE_DIR / "staticfiles"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT") or OWN_STATIC_ROOT).resolve()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "chat.static_files.HashedStorage"},
}
# What was collected is served as it lies there, so that pages from before an update find their
# files; and, by its plain name, each file from where it comes from: nobody has to collect them.
SERVESTATIC_USE_STATIC_ROOT = STATIC_ROOT.is_dir()
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_USE_MANIFEST = False

SECURE_PROXY = flag("SECURE_PROXY", default=False)
if SECURE_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # asked by the host, without TLS
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    # Whom a limit is for: what the proxy says, at the end of X-Forwarded-For. Before that a client
    # may have written what it likes; and without a proxy all of it is the client's.
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
    ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https"
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True


# What a page may load and do: nothing but what comes from here, and no script or style within a
# page. 'self' covers the WebSocket too. What pages add to it: chat.middleware, chat.views.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        # No script makes elements, or script, of a text; one may name the service worker.
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["service-worker"],
    }
}
UNUSED_ABILITIES = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")


def without_traceback(record: logging.LogRecord) -> bool:
    """Let a request that was refused (forbidden, a foreign host) be one line in the log."""
    if record.name.startswith("django.security") or record.levelno < logging.ERROR:
        record.exc_info = None
    return True


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "without_traceback": {
            "()": "django.utils.log.CallbackFilter",
            "callback": without_traceback,
        }
    },
    "formatters": {
        "line": {"()": "chat.logs.Line", "tells_all": DEBUG},
        "json": {"()": "chat.logs.Json", "tells_all": DEBUG},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["without_traceback"],
        }
    },
    "loggers": {
        **{
            name: {"handlers": ["console"], "level": LOG_LEVEL, "propagate": False}
            for name in ("chat", "django", *(() if COMMAND == "runserver" else ("daphne",)))
        },
        # It would tell each statement with all that is stored by it.
        "django.db.backends": {"level": "INFO"},
        # That Redis is gone, and there again, chat.live.remote says; this would, with each try.
        "channels_redis": {"level": "CRITICAL", "propagate": False},
        # That PostgreSQL is, chat.database says; this would with each connection.
        "psycopg.pool": {"level": "CRITICAL", "propagate": False},
        # Each request to a provider is a line of theirs, which says nothing that is not known.
        **{name: {"level": "WARNING"} for name in ("httpx", "httpx2", "openai", "anthropic")},
    },
    "root": {"handlers": ["console"], "level": "WARNING"},  # what is said by anybody else
}

# What a guest, who is nobody in particular, may take.
GUEST_CONNECTIONS = number("GUEST_CONNECTIONS", 50)
NEW_GUESTS_PER_MINUTE = number("NEW_GUESTS_PER_MINUTE", 60)  # of one address
GUEST_REPLIES_AT_A_TIME = number("GUEST_REPLIES_AT_A_TIME", 5)
GUEST_MESSAGES_PER_MINUTE = number("GUEST_MESSAGES_PER_MINUTE", 30)

# What an account may take.
REPLIES_AT_A_TIME = number("REPLIES_AT_A_TIME", 100)  # going on or waiting
API_REQUESTS_PER_MINUTE = number("API_REQUESTS_PER_MINUTE", 600)  # 0: as many as it likes

# What a model may take.
LONGEST_REPLY = number("LONGEST_REPLY", 200_000)  # code points
REPLIES_PER_PROVIDER = number("REPLIES_PER_PROVIDER", 100)  # at a time, of each process
PROVIDER_ADDRESSES = networks("PROVIDER_ADDRESSES")  # link-local ones that may be asked after all
PROVIDER_KEY = provider_key
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "").strip()
