"""From a run to a release: splits, rows, version, card, and one commit on the Hub."""
