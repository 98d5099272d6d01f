"""The process that faces a network: the pages of credential drops, and the intake of alerts.

It holds no key of the vault and no secret. What contacts hand over is sealed in their browser; here it passes through memory on
its way to the vault broker, which is asked over its Unix socket with a token that gives nothing away. Alerts are sealed to
a public key and kept in one file, which it can add to and not read. Killed at any moment, the next one goes on where it was, and what was
acknowledged lies in the vault or in that file.
"""
