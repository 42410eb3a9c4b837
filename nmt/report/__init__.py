"""What a finished run leaves to read: one HTML page with everything about it."""
