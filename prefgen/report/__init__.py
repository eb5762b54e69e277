"""The pictures of a run: one self-contained HTML file."""
