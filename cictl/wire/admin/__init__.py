"""What admins look after: access, secrets, retention, updates, the server itself."""
