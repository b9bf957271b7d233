"""Numbers as people say them: bytes in KiB and MiB, pixels in megapixels, others by thousands. Pure."""

_STEPS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def exceeded(limit: str, allowed: float, actual: float) -> str:
    """The sentence for a limit that was passed: its name, the allowed value, the actual value. The end of the name
    tells the unit: bytes, pixels, seconds, or a count."""
    say = _SAY.get(next((unit for unit in _SAY if unit in limit), ""), _exact)
    spoken = say(allowed), say(actual)
    if spoken[0] == spoken[1]:  # too close to be told apart by words
        spoken = f"{_exact(allowed)}{_of(limit)}", f"{_exact(actual)}"
    return f"{limit} allows {spoken[0]}, this has {spoken[1]}"


def spoken_bytes(number: float) -> str:
    """Such as "64 MiB", "1.4 GiB", "800 bytes"."""
    for size, unit in _STEPS:
        if number >= size:
            return f"{_rounded(number / size)} {unit}"
    return f"{_exact(number)} bytes"


def spoken_pixels(number: float) -> str:
    """Such as "100 megapixels"; below one, the pixels."""
    return f"{_rounded(number / 1e6)} megapixels" if number >= 1e6 else f"{_exact(number)} pixels"


def _seconds(number: float) -> str:
    return f"{_exact(number)} s"


def _rounded(number: float) -> str:
    """At most three significant digits, without trailing zeros."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _exact(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,.6g}"


def _of(limit: str) -> str:
    return next((f" {unit}" for unit in ("bytes", "pixels", "seconds") if unit in limit), "")


_SAY = {"bytes": spoken_bytes, "pixels": spoken_pixels, "seconds": _seconds}
