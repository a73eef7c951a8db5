"""The report of a run: one page that explains a result to somebody who was not there."""
