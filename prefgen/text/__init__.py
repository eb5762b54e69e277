"""Texts without a model: when two are the same, near-duplicates, vectors, languages, final answers."""
