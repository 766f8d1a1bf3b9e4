"""The AIMoCap HTTP API: wire models, client, errors and transfers. No bpy, nothing else of ours."""
