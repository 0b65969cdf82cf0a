"""A managed installation: a virtual environment for each version, and links that tell which one runs.

Server and agent both use it. It imports only `base`.
"""
