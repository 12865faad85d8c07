"""The mathematics as compiled loops over the token stream."""
