"""More places that look like one, and what differs between two."""
