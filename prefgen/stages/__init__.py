"""The stages of a record: each reads a record and returns it grown, with the failures that it met."""
