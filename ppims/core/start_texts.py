"""What `python3 -m ppims` says to whoever starts it."""

NO_HOSTS = (
    "ppims: production needs PPIMS_ALLOWED_HOSTS, the host names by which it is called,"
    " such as ppims.example.in"
)
DEMO_ALONE = (
    "ppims: a demo, whose passwords anybody can know, doesn't listen on {host}: set"
    " PPIMS_ENV=production for real data; to show made-up data to others, PPIMS_DEMO_OPEN=1"
)

NO_TESTS = (
    "ppims: this copy has no tests and measures nothing: an image leaves them out. Both run in a"
    " clone of the repository."
)

USAGE_TEXT = """\
python3 -m ppims                 set up what is missing, then serve (Ctrl-C stops it)
python3 -m ppims test            run all tests, on SQLite and on a PostgreSQL of their own
python3 -m ppims test ...        run pytest with these arguments, on SQLite
python3 -m ppims test --postgres ...      the same on PostgreSQL
python3 -m ppims bench ...       measure this machine; bench --help tells more
python3 -m ppims manage ...      run a Django command, such as: manage createsuperuser
python3 -m ppims install         install what is missing, and end (--postgres: its driver too)
python3 -m ppims health          ask the server at PPIMS_BIND what it lacks: exit code 0 or 1

PPIMS_BIND=HOST:PORT chooses the address; .env.example has every variable."""

WELCOME_TEXT = """
PPIMS answers at {url}
  Staff           {url}/
  API reference   {url}/api/PPIM/v1/docs
  Data            {data_dir}
  Passwords       {passwords}
  Try it          README.md has a curl call for each of the six operations

Ctrl-C stops it."""
