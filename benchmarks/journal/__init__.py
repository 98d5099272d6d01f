"""The record: appends, verification, export."""
