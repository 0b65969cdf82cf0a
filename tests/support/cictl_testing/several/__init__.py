"""Several servers on one database and one bucket behind a balancer, and those who use them."""
