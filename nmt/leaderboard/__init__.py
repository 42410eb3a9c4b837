"""Records of finished runs: append-only files, shown as a table, JSON, Markdown or a page."""
