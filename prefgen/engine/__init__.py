"""Running a pipeline: passes, segments, the spool, progress, plans."""
