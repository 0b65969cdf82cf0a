"""A log on its way: source, part, filter, writer; a view joins them, a tail is a view on a thread. No states of jobs."""
