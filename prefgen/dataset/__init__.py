"""Tables on disk: rows of files and of the Hub, and the Parquet that runs write."""
