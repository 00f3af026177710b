"""Zips and tars for the tests, good and hostile, built byte by byte where no tool makes them; and what is asked of a
store after each of them."""

import bz2
import gzip
import hashlib
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib

from cxr_fastai.curation.fetch.archives import UNPACK_LIMITS, Member, unpack

NOISE = random.Random(0).randbytes(200_000)
FILES = {
    "set/train/a.png": NOISE[:70_000],
    "set/train/b.png": NOISE[70_000:70_500],
    "set/labels.csv": b"name,label\n" * 99,
    "set/empty.txt": b"",
    "c.jpg": NOISE[100_000:],
}

# ---- builders


def zip_of(files, method=zipfile.ZIP_DEFLATED, force_zip64=False) -> bytes:
    "`files`: name -> bytes, or pairs, where a name may stand twice or be a ZipInfo."
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in files.items() if isinstance(files, dict) else files:
            if isinstance(name, zipfile.ZipInfo):
                name.compress_type = method
            if force_zip64:
                with z.open(name, "w", force_zip64=True) as f:
                    f.write(data)
            else:
                z.writestr(name, data)
    return out.getvalue()


def unix(name, mode):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def tar_of(files, kind="", fmt=tarfile.PAX_FORMAT, encoding="utf-8") -> bytes:
    "`files`: name -> bytes, or pairs, where a name may be a TarInfo."
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{kind}", format=fmt, encoding=encoding) as t:
        for name, data in files.items() if isinstance(files, dict) else files:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = info.size or len(data)
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def entry(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.devmajor, info.devminor = kind, link, 1, 3
    return info


def header(name, kind=tarfile.REGTYPE, size=0, **at) -> bytes:
    "A tar header with any bytes at any offset, and a checksum that fits: header(.., _386=b'..')."
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, max(size, 0)
    head = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    if size < 0:
        head[124:136] = (size % (1 << 96)).to_bytes(12, "big")
    for offset, data in at.items():
        head[int(offset[1:]) : int(offset[1:]) + len(data)] = data
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def blocks(data) -> bytes:
    return data + bytes(-len(data) % 512)


END = bytes(1024)


def both(data: bytes, local: int, central: int, value: int, code="<H") -> bytes:
    "A zip of one member with a field changed in its header and in the directory."
    out = bytearray(data)
    struct.pack_into(code, out, local, value)
    struct.pack_into(code, out, data.index(b"PK\1\2") + central, value)
    return bytes(out)


def put(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def flip(data: bytes, at: int) -> bytes:
    return put(data, at, bytes([data[at] ^ 0x55]))


def cut(data: bytes, part=0.6) -> bytes:
    return data[: int(len(data) * part)]


def in_directory(data: bytes, at: int, code: str, value: int) -> bytes:
    return put(data, data.index(b"PK\1\2") + at, struct.pack(code, value))


def in_end(data: bytes, at: int, value: int, code="<H") -> bytes:
    return put(data, data.rindex(b"PK\5\6") + at, struct.pack(code, value))


def local_header(name, size, packed, crc, method=8) -> bytes:
    return (
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, method, 0, 33, crc, packed, size, len(name), 0)
        + name
    )


def central_header(name, size, packed, crc, at, method=8) -> bytes:
    return (
        struct.pack(
            "<4s6H3L5H2L",
            b"PK\1\2",
            20,
            20,
            0,
            method,
            0,
            33,
            crc,
            packed,
            size,
            len(name),
            0,
            0,
            0,
            0,
            0,
            at,
        )
        + name
    )


def with_directory(body: bytes, rows: list) -> bytes:
    directory = b"".join(rows)
    return (
        body
        + directory
        + struct.pack(
            "<4s4H2LH", b"PK\5\6", 0, 0, len(rows), len(rows), len(directory), len(body), 0
        )
    )


def overlapping_bomb(n=50) -> bytes:
    "Every member quotes the header of the next in a stored block, and all share the last one's data (Fifield 2019)."
    plain = bytes(1_000_000)
    deflate = zlib.compressobj(9, wbits=-15)
    data, rows, body = deflate.compress(plain) + deflate.flush(), [], b""
    for i in reversed(range(n)):
        name = b"%04d.png" % i
        head = local_header(name, len(plain), len(data), zlib.crc32(plain))
        rows.append((name, len(plain), len(data), zlib.crc32(plain), len(head) + len(data)))
        body = head + data
        data, plain = b"\0" + struct.pack("<HH", len(head), len(head) ^ 0xFFFF) + body, head + plain
    return with_directory(
        body, [central_header(*row[:4], len(body) - row[4]) for row in reversed(rows)]
    )


def many_names_for_one(n=20) -> bytes:
    "The plain form: each row of the directory points to the same bytes."
    body = local_header(b"a.png", 5, 5, zlib.crc32(b"bytes"), 0) + b"bytes"
    return with_directory(body, [central_header(b"a.png", 5, 5, zlib.crc32(b"bytes"), 0, 0)] * n)


def sparse(size: int, data=b"", *starts, packed=None) -> bytes:
    "A GNU sparse file of `size` bytes, all but `data` at `starts` a hole; it states that it takes `packed` bytes."
    octal = b"".join(b"%011o\0%011o\0" % (at, len(data)) for at in starts)
    head = header(
        "sparse.raw",
        tarfile.GNUTYPE_SPARSE,
        len(data) if packed is None else packed,
        _386=octal,
        _483=b"%011o\0" % size,
    )
    return head + blocks(data * len(starts)) + END


def pax(records: bytes, kind=tarfile.XHDTYPE) -> bytes:
    return header("pax", kind, len(records)) + blocks(records)


def record(key: str, value) -> bytes:
    text = f" {key}={value}\n".encode()
    n = len(text) + len(str(len(text)))
    n += len(str(n)) + len(text) - n
    return str(n).encode() + text


def deep_tar() -> bytes:
    "Like node-tar's excessively-deep.tar: folder in folder, some thousand times."
    return (
        b"".join(
            header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 2 * i + 1)
            + blocks(b"d/" * i + b"\0")
            + header("d", tarfile.DIRTYPE)
            for i in range(1, 5000, 17)
        )
        + END
    )


def packed(method: str, data: bytes) -> bytes:
    return {"gz": lambda d: gzip.compress(d, mtime=0), "bz2": bz2.compress, "xz": lzma.compress}[
        method
    ](data)


ZIP = zip_of(FILES)
ONE = zip_of({"a.png": NOISE})
STORED = zip_of({"a.png": NOISE}, zipfile.ZIP_STORED)
TAR = tar_of(FILES)


# ---- what is asked of every answer


def run(tmp_path, data, limits=UNPACK_LIMITS, **kwargs):
    (tmp_path / "in").mkdir(exist_ok=True)
    (tmp_path / "in" / "archive.bin").write_bytes(data)
    try:
        return unpack(
            tmp_path / "in" / "archive.bin",
            tmp_path / "store",
            "src: archive.bin",
            limits=limits,
            **kwargs,
        )
    finally:
        check_store(tmp_path)


def check_store(tmp_path):
    "Nothing beside the store; in it only files named by their bytes: no link, no temporary file."
    assert {p.name for p in tmp_path.iterdir()} <= {"in", "store"}
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["archive.bin"]
    for p in (tmp_path / "store").rglob("*"):
        assert not p.is_symlink() and (p.is_dir() or p.is_file())
        if p.is_file():
            assert (
                p.name == hashlib.sha256(p.read_bytes()).hexdigest() and p.parent.name == p.name[:2]
            )


def blobs(tmp_path):
    return sorted(p.name for p in (tmp_path / "store").rglob("*") if p.is_file())


def sha(data):
    return hashlib.sha256(data).hexdigest()


def members_of(files):
    return sorted((Member(k, sha(v), len(v)) for k, v in files.items()), key=lambda m: m.path)


def reasons(dropped):
    return {d.path: d.reason for d in dropped}
