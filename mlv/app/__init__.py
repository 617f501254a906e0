"""Use cases, one function each: typed request in, typed result out."""
