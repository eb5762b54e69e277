"""What answers prompts. Found by file name, never imported by name."""
