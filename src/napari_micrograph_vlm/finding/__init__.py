"""Finding what looks alike, and what differs from a reference."""
