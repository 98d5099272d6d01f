"""The process that faces a network: today the pages of credential drops, later the intake of alerts.

It holds no key of the vault and no secret. What contacts hand over is sealed in their browser; here it passes through memory on
its way to the vault broker, which is asked over its Unix socket with a token that gives nothing away. It keeps no state of its own
either: killed at any moment, the next one goes on where it was, and what was acknowledged lies in the vault.
"""
