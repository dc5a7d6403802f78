"""Rules of jobs in the gateway: status, actions, inputs, estimates, dispatching."""
