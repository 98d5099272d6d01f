"""What the platform adds to a vendor's plain client."""
