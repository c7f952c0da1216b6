"""What a person types: parses, calls the layers below, prints. No rule of the product lives here."""
