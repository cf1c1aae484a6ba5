"""What people look at before anything is built: recordings, and the formats that are read."""
