"""A local Slack: Web API, Socket Mode, signed HTTP and a page in the browser."""
