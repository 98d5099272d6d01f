"""The lab's Linux hosts as a vendor of their own: ``host`` over the lab's HTTP."""
