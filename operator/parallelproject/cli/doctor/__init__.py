"""The checks of ``pproj doctor``: each looks at one thing, and says what it found and the fix. They change nothing."""
