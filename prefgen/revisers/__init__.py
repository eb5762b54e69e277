"""What rewrites answers. Found by file name, never imported by name."""
