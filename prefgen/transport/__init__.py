"""Requests to models and their answers, and the OpenAI protocol."""
