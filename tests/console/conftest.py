from tests.console.desk import desk, stand

__all__ = ["desk", "stand"]
