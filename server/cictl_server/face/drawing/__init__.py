"""Pictures as SVG, drawn by the server. Each has a text that says the same; colours come from classes of the style."""
