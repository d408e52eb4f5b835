# Writes an archive that depends on nothing but its files' names and bytes: `zip.py OUT NAME=FILE...`.
# Prints its SHA-256.
import hashlib
import sys
import zipfile

out, *entries = sys.argv[1:]
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for entry in entries:
        name, file = entry.split("=", 1)
        # The first moment that the format knows.
        info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        info.create_system = 3
        mode = 0o755 if name == "bootstrap" else 0o644
        info.external_attr = (0o100000 | mode) << 16
        with open(file, "rb") as content:
            archive.writestr(info, content.read(), compresslevel=9)
with open(out, "rb") as written:
    print(hashlib.sha256(written.read()).hexdigest())
