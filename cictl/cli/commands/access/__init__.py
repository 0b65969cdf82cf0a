"""Commands about tokens: who may do what, and who you are."""
