"""A disk that remembers: what a server did to its files, in order, and which of it was synced."""
