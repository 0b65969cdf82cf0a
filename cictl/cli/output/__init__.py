"""How anything is written: table, data, watch, plain text, outages; which columns there are belongs to tables."""
