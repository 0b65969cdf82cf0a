"""Names of files that come from elsewhere, checked and cleaned before they are used here."""
