"""How things are called: a function's first word is a verb, a module's constant says of what it is.

Docs: CONTRIBUTING.md. The lists are to be read: a new verb is added to them, a riddle is renamed.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("ppims", "customers", "limits")

VERBS = set(
    """
    accept act add adjust admit answer append apply approve arm ask assert attack attempt
    authenticate become begin bind blank block book bound break bring build call cancel carry
    change check choose
    chunk claim clean clear click close collect come commit compare compress confirm connect
    copy correct count create cut decide decline decode decrypt defer delete derive describe digest
    deactivate disable do
    enable examine
    draft draw drive drop echo edit emit encode encrypt end ensure enter execute expect explain
    export extend fail feed fetch fill filter finalize find finish flush focus follow forge forget
    format frame free freeze get give go grant group guess hand handle hang heal hear hide hold
    identify initialise
    insert insist install interrupt join judge jump keep kill know learn leave let
    limit link list listen live load lock log look lose lower make manage map mask match
    measure merge move name narrow note notice number open order pack pad parse part pass pause pay
    pick place plan post
    predict prepare press promote propose prove publish purge put query quote race raise read
    rebuild redigest reencrypt
    receive recognize record redirect refresh refuse register reject release remove render
    renew repeat replay report require reset resolve respond restart restore resume reveal reverse
    rewrite roll rotate
    round run save say scale seal search seed send serve set settle share show sign sit skip
    spell spend split spread start stay step stop store stream strip submit subtract sum summarize
    swap switch sync take tamper tell test throttle time transfer translate trim truncate try type
    tie turn unblock undo unmerge unpack unprove update use validate verify visit wait walk warn
    watch wind withdraw work wrap write yield
    """.split()
)
# What a boolean claims.
CLAIMS = set("adds are asks can counts has have hears is may meets misses needs says was".split())
# A value in another shape: `to_inr(paise)`, `CheckLimitOut.from_check(check)`, `as_json()`.
SHAPES = {"as", "from", "to"}
# What stands for a page, a column, an operation or a filter has the name that a person or a
# template knows it by; a fixture that of what it gives; a property that of what it is.
NAMED_FOR_WHAT_THEY_GIVE = re.compile(
    r"property|fixture|admin\.display|register\.(filter|simple_tag)|router\.post|require_safe"
    r"|require_http_methods|(open_)?page\(|api\.(post|exception_handler)"
)
# Names that somebody else calls.
CALLED_BY_OTHERS = {
    *("admin_view", "changelist_view", "lookups", "queryset", "response_add", "response_action"),
    *("user_change_password", "form_invalid", "process_request"),  # Django's pages and admin
    *("form_valid", "exists"),  # its log-in, and where sessions are kept
    *("database_forwards", "db_check", "db_parameters", "db_type", "db_type_suffix"),  # its columns
    *("formatException", "setup"),  # of logging, and of gunicorn's log
    *("connection_made", "connection_lost", "eof_received", "can_write_eof"),  # asyncio
    *("_on_headers_complete", "_on_body", "_will_close"),  # gunicorn
    "readline",  # WSGI
    *("new_file", "receive_data_chunk", "file_complete", "label_from_instance"),  # Django's forms
    *("pytest_addoption", "pytest_configure", "pytest_collection_modifyitems"),
    *("new_file", "file_complete", "receive_data_chunk"),  # Django's uploads
    "application",  # a WSGI or ASGI server
    *("bad_request", "forbidden", "not_found", "csrf"),  # Django's answers to what went wrong
    "home",  # a page
    *("readable", "readinto"),  # Python's own streams
}
# As in Python's datetime; and the formats of templates, which Python uses too.
KNOWN_WORDS = {
    *("now", "today", "inr", "ist"),
    *("ist_date", "ist_day", "ist_short_day", "ist_start", "ist_time"),
}

# A constant of one word is no riddle where that word is what its items are, or stands for one thing
# everywhere. All others are a noun with what it is of, and with its unit.
CLEAR_NOUNS = set(
    """
    ACCENTS ACCOUNTS ACTIONS APOSTROPHES CALLS CARDS CHANNELS CHECKS COMMANDS CUSTOMERS DECISIONS
    DEEDS DOCUMENTS ENTRIES EPOCH EXPERIENCES FIELDS FINDINGS HEADS IDENTIFIERS IST KINDS LABELS
    LETTERS LOCKS MENU NAMES NOTES OPERATIONS OUTCOMES PASSWORDS PLACES PRAGMAS PROCESSORS READINGS
    REASONS RECEIPTS REFUSALS REGISTRATIONS REPORTS ROLES ROOT SERVERS STAFF STATUSES STREETS TABLES
    TIERS VENV WINDOWS
    """.split()
)
# A test's constant is its own: there a word is refused that names nothing.
NO_NOUNS = set(
    """
    ALL ANYONE AUTOMATIC AWAY BEYOND BOTH BUSY DONE DRAWN EACH EARLY ELSEWHERE EVER EVERYONE
    EVERYTHING FAR FAST FIRST FIVE FOUR FREE FROM FULL GROWS HALF HELD HERE HOSTILE IMPOSSIBLE
    INLINE INVALID INSIDES KEPT LAST LATE LATER LEFT LONG LOOK LOST MANY MISSING MOST MUCH NEAR
    NEVER NEW NEXT NONE NOTHING ODD OFTEN OLD OPEN OTHER OTHERWISE OURS OWN PRIVATE RIGHT
    SIDEWAYS SLOW SOME SOMEBODYS THEN THERE THIRD TOLD UNSEEN WIDE WITH WITHDRAWN WRONG
    """.split()
)
PARTICIPLE = re.compile(r"[A-Z]+(ED|ING)")
NOUNS_LIKE_PARTICIPLES = {"POSTING", "SEED"}


def list_sources(*folders: str) -> list[Path]:
    """List the Python files there: no migrations, nor the bench, which is named by its figures."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if not {"migrations", "bench", "vendor"} & set(path.parts)]


def list_functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = " ".join(f"{ast.unparse(each)} " for each in node.decorator_list)
            if not NAMED_FOR_WHAT_THEY_GIVE.search(decorators):
                yield node


def is_verb_phrase(name: str) -> bool:
    if name.startswith("__") or name in CALLED_BY_OTHERS | KNOWN_WORDS:
        return True
    return name.lstrip("_").split("_")[0] in VERBS | CLAIMS | SHAPES


def list_constants(tree: ast.Module) -> Iterator[str]:
    """List a module's constants of one word, but for a type's variable."""
    for node in tree.body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        for each in [each for target in targets if target for each in ast.walk(target)]:
            if isinstance(each, ast.Name) and re.fullmatch(r"_?[A-Z][A-Z0-9]+", each.id):
                yield each.id.lstrip("_")


def find_riddles(path: Path, *, is_test: bool) -> list[str]:
    """List the names of a file that are against the rules."""
    tree = ast.parse(path.read_text())
    found = [
        node.name
        for node in list_functions(tree)
        if not is_verb_phrase(node.name) and not (is_test and node.name.startswith("test_"))
    ]
    if path.name == "settings.py":  # Django's names
        return found
    constants = list(list_constants(tree))
    if not is_test:
        return found + [name for name in constants if name not in CLEAR_NOUNS]
    return found + [
        name
        for name in constants
        if name in NO_NOUNS or (PARTICIPLE.fullmatch(name) and name not in NOUNS_LIKE_PARTICIPLES)
    ]


def test_a_function_is_named_by_a_verb_and_a_constant_by_what_it_is() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {riddle}"
        for path in list_sources(*PACKAGES)
        for riddle in find_riddles(path, is_test=False)
    }
    assert found == set()


def test_so_are_those_of_tests() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {riddle}"
        for path in list_sources("tests")
        for riddle in find_riddles(path, is_test=True)
    }
    assert found == set()


@pytest.mark.parametrize(
    ("code", "riddle"),
    [
        ("def _found(): ...", "_found"),
        ("class Row:\n    def written(self): ...", "written"),
        ("def find():\n    def errors(): ...", "errors"),
        ("async def answered(): ...", "answered"),
        ("MUCH = 20_000", "MUCH"),
        ("SHOWN, BEFORE_ROWS = 50, 1", "SHOWN"),
        ("LOOK: str = ''", "LOOK"),
    ],
)
def test_a_riddle_is_noticed_in_each_of_its_forms(tmp_path: Path, code: str, riddle: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(code)
    assert find_riddles(path, is_test=False) == [riddle]


@pytest.mark.parametrize(
    "code",
    [
        "def _find_customer(): ...",
        "def is_open(): ...",
        "class Row:\n    @property\n    def left(self): ...",
        "class Row:\n    def __str__(self): ...",
        "QUEUE_SECONDS = 1",
        "TABLES = []",
        "T = TypeVar('T')",
    ],
)
def test_what_says_what_it_is_may_be_called_so(tmp_path: Path, code: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(code)
    assert find_riddles(path, is_test=False) == []
