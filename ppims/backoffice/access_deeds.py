"""What was done about getting in and about keys, in words: who came in and who was kept out,
passwords, second factors, sessions. A part of audit_text, whose actions these are.
"""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from ppims.models import KeyRotation

ACCESS_DEEDS: Mapping[str, object] = {
    # Passwords.
    "user given a one-time password": _("Gave user %(username)s a one-time password"),
    "user given the demo's password": _("Gave user %(username)s the demo’s password"),
    "own password changed": _("Changed their own password"),
    "session ended: wrong passwords": _("Had a session ended by wrong passwords"),
    "admin made at the machine": _("Made %(username)s an admin; typed by %(operator)s"),
    "password changed at the machine": _(
        "Gave user %(username)s a password; typed by %(operator)s"
    ),
    # Second factors.
    "second factor set up": _("Set up their second factor, from %(source)s"),
    "second factor locked": _("Had their second factor locked by wrong codes, from %(source)s"),
    "recovery code used": _("Used a recovery code, %(left)s left, from %(source)s"),
    "recovery codes made": _("Made new recovery codes, from %(source)s"),
    "second factor reset at the machine": _(
        "Reset the second factor of %(username)s; typed by %(operator)s"
    ),
    # Sessions.
    "session ended": _("Ended sessions of their own: %(sessions)s"),
    "sessions ended by an admin": _("Ended the sessions of %(username)s: %(sessions)s"),
    "user deactivated: unused": _("Deactivated %(username)s, unused for %(days)s days"),
    # Who came in, and who was kept out.
    "password accepted": _("Gave the right password from %(source)s; a code was asked for"),
    "logged in": _("Logged in from %(source)s"),
    "logged out": _("Logged out from %(source)s"),
    "locked out": _("Locked out at %(source)s after too many wrong passwords"),
    "passwords refused": _("Passwords refused: %(count)s, from %(source)s"),
    "codes refused": _("Codes refused: %(count)s, from %(source)s"),
    "pages denied": _("Pages denied: %(count)s, from %(source)s"),
    "reveals refused": _("Reveals refused, an hour’s being used up: %(count)s, from %(source)s"),
    "audit exported at the machine": _("Exported the audit, %(frame)s; typed by %(operator)s"),
    "audit's export ended": _("Ended the export of the audit: entries: %(count)s"),
    # Keys.
    "key rotation proposed": _("Proposed a new %(ring)s"),
    "key rotation approved": _("Approved a new %(ring)s"),
    "key rotation rejected": _("Rejected a new %(ring)s"),
    "key rotation withdrawn": _("Withdrew the proposal of a new %(ring)s"),
    "key rotation alone": _("Decided on a new %(ring)s as the one admin there is"),
    "key rotation confirmed": _("Confirmed a new %(ring)s that one admin decided on"),
    "key rotation objected": _("Objected to a new %(ring)s that one admin decided on"),
    "next key known": _("Made the next %(ring)s known, %(key)s; typed by %(operator)s"),
    "next key finds all": _("Let the next %(ring)s find all, %(key)s; typed by %(operator)s"),
    "new key in use": _("Took the new %(ring)s in use, %(key)s; typed by %(operator)s"),
    "key rotation done": _("Finished with the new %(ring)s, %(key)s; typed by %(operator)s"),
    "key dropped": _("Dropped the old %(ring)s %(key)s; typed by %(operator)s"),
    "documents encrypted anew": _("Encrypted the customer’s documents by another key"),
}

# What an action is called where one is chosen of all.
ACCESS_NAMES: Mapping[str, object] = {
    # Passwords.
    "user given a one-time password": _("One-time password given"),
    "user given the demo's password": _("Demo’s password given"),
    "own password changed": _("Own password changed"),
    "session ended: wrong passwords": _("Session ended: wrong passwords"),
    "admin made at the machine": _("Admin made at the machine"),
    "password changed at the machine": _("Password changed at the machine"),
    # Second factors.
    "second factor set up": _("Second factor set up"),
    "second factor locked": _("Second factor locked"),
    "recovery code used": _("Recovery code used"),
    "recovery codes made": _("Recovery codes made"),
    "second factor reset at the machine": _("Second factor reset at the machine"),
    # Sessions.
    "session ended": _("Own session ended"),
    "sessions ended by an admin": _("Sessions ended by an admin"),
    "user deactivated: unused": _("User deactivated: unused"),
    # Who came in, and who was kept out.
    "password accepted": _("Password accepted"),
    "logged in": _("Logged in"),
    "logged out": _("Logged out"),
    "locked out": _("Locked out"),
    "passwords refused": _("Passwords refused"),
    "codes refused": _("Codes refused"),
    "pages denied": _("Pages denied"),
    "reveals refused": _("Reveals refused"),
    "audit exported at the machine": _("Audit exported at the machine"),
    "audit's export ended": _("Export of the audit ended"),
    # Keys.
    "key rotation proposed": _("New key proposed"),
    "key rotation approved": _("New key approved"),
    "key rotation rejected": _("New key rejected"),
    "key rotation withdrawn": _("New key withdrawn"),
    "key rotation alone": _("New key by one admin"),
    "key rotation confirmed": _("New key confirmed"),
    "key rotation objected": _("New key objected to"),
    "next key known": _("Next key known"),
    "next key finds all": _("Next key finds all"),
    "new key in use": _("New key in use"),
    "key rotation done": _("New key: all done"),
    "key dropped": _("Old key dropped"),
    "documents encrypted anew": _("Documents encrypted anew"),
}


def name_ring(purpose: str) -> str:
    """Say "document key"."""
    return KeyRotation.Purpose(purpose).label.lower()
