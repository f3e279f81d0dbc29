"""What a file is, by its bytes."""

SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}


def mimetype(content: bytes) -> str:
    """By the bytes alone, never by the name; whatever could run in a browser is plain text."""
    for signature, kind in SIGNATURES.items():
        if content.startswith(signature):
            return kind
    try:
        content.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain"
