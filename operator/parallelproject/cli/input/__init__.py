"""What commands read: options, arguments, files."""
