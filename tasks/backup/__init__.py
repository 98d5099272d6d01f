"""Getting back what was backed up in the cloud: beside the original, verified, never over it."""
