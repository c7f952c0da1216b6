"""What a workspace has beyond the files of its branch: files of the checkout, what setup makes, ports, a sandbox."""
