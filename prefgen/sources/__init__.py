"""Where records come from. Found by file name, never imported by name."""
