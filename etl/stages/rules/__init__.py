"""Rules of a team's own: reasons for drops that a recipe gives, with conditions or functions."""
