"""Exchange Online's cmdlets over REST (``InvokeCommand``)."""
