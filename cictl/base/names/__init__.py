"""Names that come from elsewhere, of files, refs and repositories, checked and cleaned before they are used here."""
