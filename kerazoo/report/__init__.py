"""What a person looks at: curves, figures, contact sheets."""
