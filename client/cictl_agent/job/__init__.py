"""One job, from its lease to the report of its end. Asking for jobs is in `leasing`, running programs in `system`."""
