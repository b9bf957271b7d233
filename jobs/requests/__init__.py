"""What a client may ask for with an image, checked as text or JSON: the same for the server and for its stand-in."""
