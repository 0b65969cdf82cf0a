"""One file a page: it gathers what a template shows, and does what a form asks for."""
