"""What a plug-in is, how it is registered, and how it is found."""
