"""A fault planted in each Python that starts with this folder in its path: what is committed does
not wait for the disk as the code says, but as HASTY_SYNCHRONOUS does.
"""

import os

from ppims.db import url

url.PRAGMAS = url.PRAGMAS.replace(
    "synchronous=FULL", f"synchronous={os.environ['HASTY_SYNCHRONOUS']}"
)
