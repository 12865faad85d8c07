"""MLflow: runs, datasets and artifacts."""
