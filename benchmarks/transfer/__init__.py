"""How fast a hand-over is."""
