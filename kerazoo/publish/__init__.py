"""Networks with their cards on the Hugging Face Hub."""
