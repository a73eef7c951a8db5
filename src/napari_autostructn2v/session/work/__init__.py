"""Work in the background: the threads, one task at a time, and what the tasks do."""
