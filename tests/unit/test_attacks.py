"""`bench --attacks`: its table, and what each attack does."""

import asyncio
from contextlib import suppress

import pytest

from tests.bench import attackers, attacks

pytestmark = pytest.mark.only_on("sqlite", "no database is asked")


def test_the_table_compares_each_attack_with_none():
    calm = attacks.Waits([0.002] * 99 + [0.1])
    under = attacks.Waits([0.004] * 98 + [0.2] * 2, unanswered=1)
    lines = attacks.write_table({"pipelines": (calm, under)}).splitlines()
    cells = [cell.strip() for cell in lines[-1].strip("|").split("|")]
    assert len(lines) == 3
    assert cells[1:] == ["2.0 / 99.0 / 100", "4.0 / 200.0 / 200", "2.0", "1 of 100"]


def test_every_attack_has_its_description():
    assert set(attacks.DESCRIPTIONS) == set(attackers.ATTACKS_BY_NAME)
    assert set(attackers.ATTACKS_BY_NAME) >= attacks.AFTER_A_RESTART


@pytest.mark.parametrize(
    ("name", "asks"),
    [
        ("pipelines", b"POST /api/PPIM/v1/none HTTP/1.1"),
        ("guesses", b'"Password": "wrong"'),
        ("half-open", b"POST /api/PPIM/v1/ch"),
    ],
)
def test_an_attack_sends_what_its_description_says(name, asks):
    """Against a server that takes everything and says nothing."""

    async def attack():
        taken = []

        async def take(reader, writer):
            taken.append(await reader.read(1 << 20))
            writer.close()

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        _, attack_once = attackers.ATTACKS_BY_NAME[name]
        port = server.sockets[0].getsockname()[1]
        with suppress(TimeoutError, OSError, EOFError):
            await asyncio.wait_for(attack_once(port, 1), 1)
        server.close()
        return taken

    (sent,) = asyncio.run(attack())
    assert asks in sent
    assert name != "half-open" or b"\r\n" not in sent
