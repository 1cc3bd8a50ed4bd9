"""The back office: pages that show both apps, and what every page shares."""
