"""MiniWoB++: demonstrations, their pages as trees, and their events as actions."""
