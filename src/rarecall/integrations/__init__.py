"""Other libraries' conventions; each module is imported only on request, and says what it needs."""
