"""What judges answers. Found by file name, never imported by name."""
