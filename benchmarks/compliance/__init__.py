"""The compliance sweep of many clients."""
