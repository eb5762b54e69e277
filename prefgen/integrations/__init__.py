"""Other people's parts as plug-ins of prefgen, and prefgen's as theirs. Each module needs the extra of its
name.
"""
