"""The only place that knows HTTP, processes, the clock and the queue: commands, web pages, API."""
