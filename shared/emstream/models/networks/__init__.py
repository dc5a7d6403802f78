"""The networks, written in torch; imported only where torch is installed (training and the torch engines)."""
