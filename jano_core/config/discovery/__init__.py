"""What `jano init` finds on a box: programs, running servers, models on disk, memory."""
