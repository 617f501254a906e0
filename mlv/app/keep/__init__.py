"""Keep a store in order: throw away what nobody needs, check what is left."""
