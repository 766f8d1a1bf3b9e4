"""The self-hosted AIMoCap service: speaks the same API as the cloud and solves motion on the CPU."""
