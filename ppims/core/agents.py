"""What a browser calls itself, in short words. Pure."""

# The first that is named wins: each also names those after it.
BROWSER_MARKS = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet")),
    *(("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome")),
    *(("Chrome/", "Chrome"), ("Safari/", "Safari")),
)
SYSTEM_MARKS = (
    *(("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad")),
    *(("CrOS", "ChromeOS"), ("Mac OS X", "macOS"), ("Linux", "Linux")),
)


def name_browser(user_agent: str) -> str:
    """Name a browser and its system, "Firefox on Windows", of a User-Agent header; "": unknown.
    Nothing of what was sent is in it.
    """
    browser = _find(BROWSER_MARKS, user_agent)
    system = _find(SYSTEM_MARKS, user_agent)
    return f"{browser} on {system}" if browser and system else browser or system


def _find(known: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for mark, name in known if mark in user_agent), "")
