"""What flags responses. Found by file name, never imported by name."""
