"""Who looks at which incident, by when: the queue's order, whose turn it is, and the clocks of the clients' agreements. Pure, but for `book`."""
