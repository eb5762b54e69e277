"""How models are reached. Found by file name, never imported by name."""
