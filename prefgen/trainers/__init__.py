"""Trainers that consume a preference dataset: one flat file each."""
