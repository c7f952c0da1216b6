module parallelproject.io/wrapper

go 1.24
