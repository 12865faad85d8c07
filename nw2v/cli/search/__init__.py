"""`hydra/sweeper=optuna`: a search over the configuration, in Hydra's own override syntax."""
