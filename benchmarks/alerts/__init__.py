"""Alerts from outside: how fast one leads to an effect, how many are taken, and what a storm does."""
