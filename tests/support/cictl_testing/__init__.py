"""What the tests share: a server without sockets, repositories, archives."""
