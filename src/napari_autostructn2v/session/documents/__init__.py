"""What a person edits, with undo: the kernel, and the patterns that are removed first."""
