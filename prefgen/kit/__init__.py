"""What plug-ins are written with: asking, reading replies, rating, pairing, templates, constitutions."""
