"""Where the bytes of logs are kept. It knows names, bytes and offsets, and neither secrets nor the states of executions."""
