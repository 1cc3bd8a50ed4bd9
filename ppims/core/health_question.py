"""Ask a server that runs here whether it can do its work. Standard library only: a container asks
so again and again, and has no curl.
"""

import http.client
import json

PATIENCE_SECONDS = 5


def explain_unready(host: str, port: int) -> str:
    """Ask /readyz there, and say what is missing; "" where nothing is."""
    connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        reply = connection.getresponse()
        text = reply.read(64 * 1024)
        if reply.status == http.HTTPStatus.OK:
            return ""
        return f"it lacks {', '.join(json.loads(text)['missing'])}"
    except (OSError, http.client.HTTPException) as error:
        return f"nothing answers at {host}:{port} ({error})"
    except (ValueError, KeyError, TypeError):  # another program has the port
        return f"what answers at {host}:{port} is not PPIMS"
    finally:
        connection.close()
