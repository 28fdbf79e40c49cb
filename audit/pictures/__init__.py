"""Reading what stands in pictures, films and scanned pages: words by OCR, QR and bar codes.

A picture is opened in a process of its own under limits, as files are, and read once: what was
read is kept by the digest of its bytes. Nothing here decides anything; it turns pictures into
text with its place, and text goes to the same rules as everywhere.
"""
