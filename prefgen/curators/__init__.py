"""What thins a set of prompts. Found by file name, never imported by name."""
