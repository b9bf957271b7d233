"""The stand-in's facts of an original: those of a gray square, whatever was sent."""

from typing import Any

COLOUR = "#808080"
_PLACEHOLDERS = {
    "thumbhash": "IAgCBwBpaHp3eHiHd3iHd3ePBgAAAAAA",
    "blurhash": "L2Eyb[~qfQ~q~qoffQoffQfQfQfQ",
    "lqip": "data:image/webp;base64,UklGRjAAAABXRUJQVlA4ICQAAADQAgCdASoUABQAPrVaqU6nJSQiKAgA4BaJaQAAPaOgAO3jAAA=",
}
_UNKNOWN = (
    "duration_ms", "plays", "chroma", "density", "profile", "code_points", "captured_at", "make", "model", "lens",
    "exposure", "f_number", "iso", "focal_mm", "artist", "copyright", "location", "serial", "owner",
)  # fmt: skip
_INFO: dict[str, Any] = dict.fromkeys(_UNKNOWN) | {
    "orientation": 1, "frames": 1, "pages": 1, "alpha": False, "opaque": True, "bits": 8, "space": "rgb",
    "progressive": False, "unmet": [], "gain_map": False, "phash": "0" * 16, "average": COLOUR,
}  # fmt: skip


def asked(recipe: dict[str, Any]) -> bool:
    """Whether a recipe asks for facts."""
    return bool(recipe.get("placeholder") or recipe.get("info"))


def of(recipe: dict[str, Any]) -> dict[str, Any]:
    """The fields of a job whose original was read."""
    kinds = recipe.get("placeholder") or ()
    found = {kind: text if kind in kinds else None for kind, text in _PLACEHOLDERS.items()}
    info = _INFO | {"palette": [COLOUR] if recipe.get("palette") else []} if recipe.get("info") else None
    return {"dominant_colour": COLOUR, "placeholder": found if kinds else None, "info": info}
