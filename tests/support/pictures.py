"""What several tests use: pictures: the same numbers give the same bytes, and a card shows them."""

PNG = b"\x89PNG"
