"""The report of an activation or drill: one document out of the run's record, shown as a page and as a PDF."""
