"""The networks, written in torch; imported only where torch is there (training and the torch engines)."""
