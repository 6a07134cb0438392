"""One exchange over a socket, within its time."""
