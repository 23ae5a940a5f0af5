"""Whom a captured machine spoke to: a reader of pcap files as QEMU's filter-dump writes them.

    Node(release, qemu_arguments=capture_to(path))
    for contact in contacts(path): ...                 # Contact("tcp", "10.0.2.2", 5000), each once, in order
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MAGIC = 0xA1B2C3D4
ETHERNET = 1
IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
TCP, UDP = 6, 17
SYN, ACK = 0x02, 0x10


class Contact(NamedTuple):
    """A connection that was asked for (tcp), or a datagram that was sent (udp, or the number of another protocol)."""

    protocol: str
    address: str
    port: int


def capture_to(path: Path) -> list[str]:
    """Arguments for QEMU: all frames of the netdev `net` go to the file, which begins anew with every start."""
    return ["-object", f"filter-dump,id=capture,netdev=net,file={path},maxlen=128"]


def frames(data: bytes) -> Iterator[bytes]:
    """The captured frames. What breaks off at the end, as of a running capture, is left out."""
    if len(data) < 24:
        return
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    if magic != MAGIC or link != ETHERNET:
        raise ValueError("no capture of Ethernet frames in this machine's byte order")
    at = 24
    while at + 16 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 8)
        frame = data[at + 16 : at + 16 + size]
        if len(frame) < size:
            return
        yield frame
        at += 16 + size


def contact_of(frame: bytes) -> Contact | None:
    """Whom a frame asks for, or None: it is an answer, or no IP."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    packet = frame[14:]
    if kind == IPV4 and len(packet) >= 20:
        protocol, address, segment = packet[9], ipaddress.ip_address(packet[16:20]), packet[(packet[0] & 15) * 4 :]
    elif kind == IPV6 and len(packet) >= 40:
        protocol, address, segment = packet[6], ipaddress.ip_address(packet[24:40]), packet[40:]
    else:
        return None
    if protocol == TCP and len(segment) >= 14:
        return Contact("tcp", str(address), struct.unpack_from("!H", segment, 2)[0]) if segment[13] & (SYN | ACK) == SYN else None
    port = struct.unpack_from("!H", segment, 2)[0] if protocol == UDP and len(segment) >= 4 else 0
    return Contact("udp" if protocol == UDP else str(protocol), str(address), port)


def contacts(path: Path) -> list[Contact]:
    """Everyone whom anybody on the captured wire asked for, each once."""
    found = (contact_of(frame) for frame in frames(path.read_bytes()) if len(frame) >= 14)
    return list(dict.fromkeys(contact for contact in found if contact))
