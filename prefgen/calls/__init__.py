"""Asking models: keys, the journal, limits, retries, the budget and the ledger of failures."""
