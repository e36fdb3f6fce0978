"""Two network namespaces with nothing but loopback, and sockets and TUN devices made inside them."""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess

CLONE_NEWNET = 0x4000_0000
TUNSETIFF = 0x4004_54CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def make(name):
    ip("netns", "add", name)
    ip("-n", name, "link", "set", "lo", "up")


def remove(name):
    subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


def _enter(file):
    if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(name):
    """What this thread opens meanwhile belongs to the namespace, and stays there."""
    with open("/proc/thread-self/ns/net") as own, open(f"/run/netns/{name}") as other:
        _enter(other)
        try:
            yield
        finally:
            _enter(own)


def listener(name, port):
    """A listening socket on 127.0.0.1 of the namespace."""
    with inside(name):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
    return made


def tun(name, address):
    """A TUN device in the namespace; whole IP packets are read from and written to what is returned."""
    with inside(name):
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"path", IFF_TUN | IFF_NO_PI))
        # A link-local address would bring packets that no call sends.
        with open("/proc/sys/net/ipv6/conf/path/disable_ipv6", "w") as off:
            off.write("1")
    ip("-n", name, "addr", "add", address, "dev", "path")
    ip("-n", name, "link", "set", "path", "up", "mtu", "1500")
    return device
