"""The typed records of the store. They resemble the wire types but belong to the server alone."""
