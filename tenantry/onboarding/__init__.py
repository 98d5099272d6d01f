"""What a client is told when they were taken on: one document, made of the run's record and the risk register, as page and as PDF."""
