"""Other libraries' conventions; each is imported only on request."""
