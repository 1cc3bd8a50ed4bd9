"""The demo as a stand-in for a real gateway: its page, and the same for a test suite."""
