"""Messages to people outside the platform: mail over SMTP with TLS, Microsoft Teams and Slack by webhook."""
