"""What makes pairs of judged answers. Found by file name, never imported by name."""
