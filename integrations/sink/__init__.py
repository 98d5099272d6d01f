"""An HTTP sink for messages: the lab's, or any endpoint that keeps one message for each key."""
