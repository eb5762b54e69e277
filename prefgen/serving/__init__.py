"""Servers that a run starts for itself: started, watched and stopped, also when the run is killed."""
