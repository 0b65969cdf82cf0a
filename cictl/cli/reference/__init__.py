"""The reference and manual pages, made from the commands; no command needs it."""
