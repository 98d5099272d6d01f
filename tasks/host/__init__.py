"""Linux hosts: collecting from them, cutting them off, taking away what an intruder left."""
