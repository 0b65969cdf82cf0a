"""Names that come from elsewhere, of files, refs, repositories and what agents offer, checked and cleaned before use."""
