"""What a trained model is worth: win rates by any judge, items by log-probability, and tasks that must not
get worse.
"""
