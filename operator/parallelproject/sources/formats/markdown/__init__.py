"""Markdown: lists with check boxes, plans with headings, stories."""
