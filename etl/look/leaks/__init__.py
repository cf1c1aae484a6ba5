"""What tells targets apart that no model will see when it is asked."""
