"""OpenBao and HashiCorp Vault as a secret store: KV version 2, signed in by AppRole."""
