"""The gateway: HTTP in front of the stream. It takes uploads, shows jobs, hands out results; it decodes no image."""
