"""What is written to disk and how: canonical JSON, files written whole, SQLite opened with care."""
