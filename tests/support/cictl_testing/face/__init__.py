"""What tests of pages stand on: a browser, pages in it that are watched, and a server to look at."""
