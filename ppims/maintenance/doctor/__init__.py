"""`manage doctor`: what of an installation is as it should be, what isn't, and what mends it. It
reads only, and goes on where the settings or the database are not there.
"""
