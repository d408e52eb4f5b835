"""An SFTP server (version 3, draft-ietf-secsh-filexfer-02) that misbehaves on purpose.

Usage: server.py FOLDER, or server.py FOLDER asyncssh for asyncssh's own SFTP server, which is faultless and works on
several requests at once, or server.py FOLDER one-key for one that agrees to every type of host key, shows the same key
whatever was agreed, and says so each time. Files lie in FOLDER/inbox; how to behave stands in FOLDER/behaviour.json,
which is read again for each connection; the port and the host key are written to FOLDER/port and FOLDER/host_key.pub.

Every packet is made here by hand, on asyncssh's raw channels. Behaviour, all optional:

  extensions        names of the extensions that are announced; all of them when absent
  largest_write     longer writes are refused
  largest_read      no read gives more
  longer_reads      reads give so many bytes more than were asked for
  withholds         a channel's first read is not answered
  most_unanswered   with more requests unanswered than so many, the connection ends
  talkative         the text of a refusal is filled up to so many bytes
  short_reads       reads give a varying part of what was asked for
  sequential        an open file takes writes from its start to its end only, each where the one before has ended
  shuffle           replies leave in batches of so many, in another order (what is left over leaves a little later)
  delay_ms          each reply leaves so much later
  truncate          a file that was written loses its last byte when it is closed
  deny              names of requests that are refused with "permission denied"
  fail              names of requests that are refused with "failure"
  end_early         reads tell the end of the file after so many bytes
  understates       sizes are told so many bytes smaller, 0 at least; the data stays as it is
  no_end            reads behind the end of a file are refused with "failure"
  grows             once a file was read, its size is told one byte larger; the data stays as it is
  ages              once a file was read, its time is told one second later
  fstat_without_time  an open file's time is not told
  endless           a directory has entries without end
  early_end         of two requests for a directory's entries sent at once, the first is answered "end"
  one_at_a_time     a directory's second request sent at once is refused
  disconnect_after  so many requests of a connection are answered, then it ends
  done_unanswered   the request at which the connection ends is carried out
  stall_after       so many requests of a connection are answered, then it is silent
  login_ends        a password is answered with a disconnect for this reason (RFC 4253 section 11.1); 0 is none at all
  home              where a login begins, whatever it is; a number stands for a name of so many letters
  late_rename       a rename is done and refused, as where that of an attempt thought dead comes first
  after_look        two names: once the second was looked for and is not there, the first is renamed to it, as by a request
                    that was left on a connection that broke
  holds_open        which of a connection's requests to open a file, counted from 1, waits until another connection is about
                    to write behind the start of a file; the connection is silent from then on
  holds_rename      which of a connection's renames, counted from 1, waits until another connection has renamed a file to the
                    name that this one takes away; the connection is silent from then on
  sweeps            a name: the rename of that file finds it gone, as where something removes hidden files just before
  refused_renames   which of a connection's renames, counted from 1, are refused with "failure"
  swaps             once a file is open for reading, the file `next` takes its name
  connections       only so many channels behave so; those after them are faultless
  spared            so many channels are faultless before
"""

import asyncio
import json
import os
import random
import stat
import struct
import sys

import asyncssh

OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT = 3, 4, 5, 6, 7, 8, 9
OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, EXTENDED = 11, 12, 13, 14, 15, 16, 17, 18, 200
NAMES = {OPEN: "open", CLOSE: "close", READ: "read", WRITE: "write", LSTAT: "lstat", FSTAT: "fstat",
         SETSTAT: "setstat", OPENDIR: "opendir", READDIR: "readdir", REMOVE: "remove", MKDIR: "mkdir", RMDIR: "rmdir",
         REALPATH: "realpath", STAT: "stat", RENAME: "rename", EXTENDED: "extended"}
EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, UNSUPPORTED = 1, 2, 3, 4, 8
EXTENSIONS = ["posix-rename@openssh.com", "fsync@openssh.com", "limits@openssh.com"]
ENTRIES = 50

folder = sys.argv[1]
inbox = os.path.join(folder, "inbox")
told = {"text": None, "connections": 0, "was_read": False, "held": None, "held_rename": None}


def behaviour():
    with open(os.path.join(folder, "behaviour.json")) as file:
        text = file.read()
    if text != told["text"]:
        told.update(text=text, connections=0, was_read=False, held=None, held_rename=None)
    told["connections"] += 1
    chosen = json.loads(text)
    spared = told["connections"] <= chosen.get("spared", 0)
    if spared or told["connections"] > chosen.get("connections", 1 << 30):
        return {"extensions": chosen.get("extensions", EXTENSIONS)}
    return chosen


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def string(value):
    return struct.pack(">I", len(value)) + value


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, length):
        if length > len(self.data):
            raise Refused(FAILURE, "a packet that is too short")
        head, self.data = self.data[:length], self.data[length:]
        return head

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def u64(self):
        return struct.unpack(">Q", self.take(8))[0]

    def string(self):
        return self.take(self.u32())


class Session(asyncssh.SSHServerSession):
    """One SFTP channel."""

    def __init__(self, connection):
        self.connection = connection
        self.behaviour = behaviour()
        self.random = random.Random(1)
        self.buffer = b""
        self.handles = {}
        self.cursors = {}
        self.next_handle = 0
        self.seen = 0
        self.over = False
        self.waiting = []
        self.batch = 0
        self.listing_now = 0
        self.withheld = False
        # The answer to the greeting is not counted.
        self.answered = -1
        self.renames = 0
        self.opens = 0

    def connection_made(self, chan):
        self.chan = chan

    def subsystem_requested(self, subsystem):
        return subsystem == "sftp"

    def connection_lost(self, error):
        self.over = True
        for handle in self.handles.values():
            if isinstance(handle, int):
                os.close(handle)
        self.handles.clear()

    def data_received(self, data, datatype):
        self.buffer += data
        packets = []
        while len(self.buffer) >= 4:
            length = struct.unpack(">I", self.buffer[:4])[0]
            if len(self.buffer) < 4 + length:
                break
            packets.append(self.buffer[4:4 + length])
            self.buffer = self.buffer[4 + length:]
        for place, packet in enumerate(packets):
            following = packets[place + 1:]
            self.more_entries_asked = any(other[0] == READDIR for other in following)
            self.entries_asked_before = any(other[0] == READDIR for other in packets[:place])
            if not self.over:
                self.packet(packet)

    def eof_received(self):
        self.chan.exit(0)
        return False

    def packet(self, packet):
        kind = packet[0]
        if kind == 1:
            extensions = self.behaviour.get("extensions", EXTENSIONS)
            offered = b"".join(string(name.encode()) + string(b"1") for name in extensions)
            self.transmit(struct.pack(">BI", 2, 3) + offered)
            return
        reader = Reader(packet[1:])
        number = reader.u32()
        self.seen += 1
        if self.seen > self.behaviour.get("stall_after", 1 << 60):
            self.over = True
            return
        if self.seen - self.answered > self.behaviour.get("most_unanswered", 1 << 60):
            self.disconnect()
            return
        last = self.seen > self.behaviour.get("disconnect_after", 1 << 60)
        if last and not self.behaviour.get("done_unanswered"):
            self.disconnect()
            return
        self.opens += kind == OPEN
        if kind == OPEN and self.opens == self.behaviour.get("holds_open"):
            self.over = True
            told["held"] = lambda: self.answer(kind, reader)
            return
        if kind == RENAME and self.renames + 1 == self.behaviour.get("holds_rename"):
            self.over = True
            told["held_rename"] = (self.path(Reader(reader.data)), lambda: self.answer(kind, reader))
            return
        try:
            body = self.answer(kind, reader)
        except Refused as refused:
            body = self.status(refused.code, str(refused))
        except FileNotFoundError:
            body = self.status(NO_SUCH_FILE, "No such file")
        except PermissionError:
            body = self.status(PERMISSION_DENIED, "Permission denied")
        except OSError as error:
            body = self.status(FAILURE, "Failure")
            print(NAMES.get(kind), error, file=sys.stderr, flush=True)
        if last:
            self.disconnect()
            return
        if kind == READ and self.behaviour.get("withholds") and not self.withheld:
            self.withheld = True
            return
        self.reply(body[:1] + struct.pack(">I", number) + body[1:])

    def disconnect(self):
        self.over = True
        # What was answered leaves first.
        self.flush()
        self.connection.abort()

    def status(self, code, message):
        text = message.encode()
        if code != 0:
            text = text.ljust(self.behaviour.get("talkative", 0))
        return struct.pack(">BI", 101, code) + string(text) + string(b"en")

    def reply(self, body):
        size = self.behaviour.get("shuffle", 0)
        if not size:
            self.later(body)
            return
        self.waiting.append(body)
        if len(self.waiting) >= size:
            self.flush()
        else:
            self.batch += 1
            batch = self.batch
            asyncio.get_running_loop().call_later(0.01, lambda: batch == self.batch and self.flush())

    def flush(self):
        waiting, self.waiting = self.waiting, []
        self.random.shuffle(waiting)
        for body in waiting:
            self.later(body)

    def later(self, body):
        delay = self.behaviour.get("delay_ms", 0)
        if delay:
            asyncio.get_running_loop().call_later(delay / 1000, self.transmit, body)
        else:
            self.transmit(body)

    def transmit(self, body):
        self.answered += 1
        try:
            self.chan.write(string(body))
        except (BrokenPipeError, OSError):
            self.over = True

    def path(self, reader):
        name = os.path.normpath("/" + reader.string().decode("utf-8", "surrogateescape"))
        return inbox + name

    def handle(self, reader):
        key = reader.string()
        if key not in self.handles:
            raise Refused(FAILURE, "no such handle")
        return key, self.handles[key]

    def keep(self, value):
        key = b"h%d" % self.next_handle
        self.next_handle += 1
        self.handles[key] = value
        return struct.pack(">B", 102) + string(key)

    def attributes(self, found, with_time=True):
        size, modified = found.st_size, int(found.st_mtime)
        if not stat.S_ISDIR(found.st_mode):
            size = max(0, size - self.behaviour.get("understates", 0))
        if told["was_read"] and not stat.S_ISDIR(found.st_mode):
            size += 1 if self.behaviour.get("grows") else 0
            modified += 1 if self.behaviour.get("ages") else 0
        flags, times = (0x0F, struct.pack(">II", modified, modified)) if with_time else (0x07, b"")
        return struct.pack(">IQIII", flags, size, found.st_uid, found.st_gid, found.st_mode) + times

    def answer(self, kind, reader):
        name = NAMES.get(kind)
        if name in self.behaviour.get("deny", []):
            raise Refused(PERMISSION_DENIED, "Permission denied")
        if name in self.behaviour.get("fail", []):
            raise Refused(FAILURE, "Failure")
        if name is None:
            raise Refused(UNSUPPORTED, "not supported")
        return getattr(self, name)(reader) or self.status(0, "Success")

    def open(self, reader):
        path, asked = self.path(reader), reader.u32()
        flags = {1: os.O_RDONLY, 2: os.O_WRONLY, 3: os.O_RDWR}[asked & 3]
        flags |= os.O_CREAT if asked & 8 else 0
        flags |= os.O_TRUNC if asked & 0x10 else 0
        flags |= os.O_EXCL if asked & 0x20 else 0
        opened = self.keep(os.open(path, flags, 0o644))
        following = os.path.join(inbox, "next")
        if self.behaviour.get("swaps") and os.path.exists(following):
            os.replace(following, path)
        return opened

    def close(self, reader):
        key, file = self.handle(reader)
        del self.handles[key]
        self.cursors.pop(key, None)
        if isinstance(file, int):
            written = os.fstat(file).st_size
            try:
                if self.behaviour.get("truncate") and written:
                    os.ftruncate(file, written - 1)
            except OSError:
                pass  # Open for reading.
            os.close(file)

    def read(self, reader):
        _, file = self.handle(reader)
        offset, length = reader.u64(), reader.u32()
        told["was_read"] = True
        length = min(length, self.behaviour.get("largest_read", 1 << 18))
        length = min(length, self.behaviour.get("end_early", 1 << 60) - offset)
        if self.behaviour.get("short_reads"):
            length = self.random.randint(1, length) if length > 0 else 0
        data = os.pread(file, length, offset) if length > 0 else b""
        if not data:
            raise Refused(FAILURE if self.behaviour.get("no_end") else EOF, "End of file")
        data += bytes(self.behaviour.get("longer_reads", 0))
        return struct.pack(">B", 103) + string(data)

    def write(self, reader):
        key, file = self.handle(reader)
        offset, data = reader.u64(), reader.string()
        cursor = self.cursors.get(key, 0)
        if self.behaviour.get("sequential") and offset != cursor:
            raise Refused(FAILURE, f"seek {offset} not supported with cursor {cursor}")
        if len(data) > self.behaviour.get("largest_write", 1 << 18):
            raise Refused(FAILURE, "a write that is too long")
        held = told["held"]
        if held and offset > 0:
            told["held"] = None
            held()
            print("opened late", flush=True)
        os.pwrite(file, data, offset)
        self.cursors[key] = offset + len(data)

    def lstat(self, reader):
        return self.look(os.lstat, self.path(reader))

    def stat(self, reader):
        return self.look(os.stat, self.path(reader))

    def look(self, of, path):
        try:
            return struct.pack(">B", 105) + self.attributes(of(path))
        finally:
            source, target = self.behaviour.get("after_look", [None, None])
            if target and os.path.normpath(path) == os.path.join(inbox, target) and not os.path.lexists(path):
                os.rename(os.path.join(inbox, source), path)

    def fstat(self, reader):
        found = os.fstat(self.handle(reader)[1])
        return struct.pack(">B", 105) + self.attributes(found, not self.behaviour.get("fstat_without_time"))

    def setstat(self, reader):
        os.stat(self.path(reader))

    def opendir(self, reader):
        path = self.path(reader)
        if not os.path.isdir(path):
            os.stat(path)
            raise Refused(FAILURE, "Failure")
        return self.keep([path, [".", ".."] + sorted(os.listdir(path)), 0])

    def readdir(self, reader):
        listing = self.handle(reader)[1]
        if self.behaviour.get("one_at_a_time") and self.entries_asked_before:
            raise Refused(FAILURE, "busy")
        if self.behaviour.get("endless"):
            names = [f"e{listing[2] + place}" for place in range(ENTRIES)]
            listing[2] += ENTRIES
            found = os.stat(listing[0])
            entries = [(name, found) for name in names]
        else:
            if self.behaviour.get("early_end") and self.more_entries_asked:
                raise Refused(EOF, "End of file")
            names, listing[1] = listing[1][:ENTRIES], listing[1][ENTRIES:]
            entries = [(name, os.lstat(os.path.join(listing[0], name))) for name in names]
        if not entries:
            raise Refused(EOF, "End of file")
        body = struct.pack(">BI", 104, len(entries))
        for name, found in entries:
            body += string(os.fsencode(name)) + string(b"") + self.attributes(found)
        return body

    def remove(self, reader):
        os.remove(self.path(reader))

    def mkdir(self, reader):
        os.mkdir(self.path(reader))

    def rmdir(self, reader):
        os.rmdir(self.path(reader))

    def realpath(self, reader):
        path = self.path(reader)[len(inbox):].encode("utf-8", "surrogateescape")
        home = self.behaviour.get("home")
        if home is not None:
            path = b"/" + b"x" * home if isinstance(home, int) else home.encode()
        return struct.pack(">BI", 104, 1) + string(path) + string(path) + struct.pack(">I", 0)

    def rename(self, reader):
        self.renames += 1
        if self.renames in self.behaviour.get("refused_renames", []):
            raise Refused(FAILURE, "Failure")
        source, target = self.path(reader), self.path(reader)
        self.sweep(source)
        if os.path.lexists(target):
            raise Refused(FAILURE, "Failure")
        os.rename(source, target)
        if told["held_rename"] and told["held_rename"][0] == target:
            _, held = told["held_rename"]
            told["held_rename"] = None
            held()
            print("renamed late", flush=True)
        if self.behaviour.get("late_rename"):
            raise Refused(FAILURE, "Failure")

    def sweep(self, source):
        if os.path.basename(source) == self.behaviour.get("sweeps"):
            os.remove(source)
            raise Refused(NO_SUCH_FILE, "No such file")

    def extended(self, reader):
        name = reader.string().decode()
        if name not in self.behaviour.get("extensions", EXTENSIONS):
            raise Refused(UNSUPPORTED, "not supported")
        if name == "posix-rename@openssh.com":
            if "rename" in self.behaviour.get("deny", []):
                raise Refused(PERMISSION_DENIED, "Permission denied")
            source, target = self.path(reader), self.path(reader)
            self.sweep(source)
            os.rename(source, target)
        elif name == "fsync@openssh.com":
            os.fsync(self.handle(reader)[1])
        else:
            write = self.behaviour.get("largest_write", 1 << 17)
            return struct.pack(">BQQQQ", 201, 1 << 18, self.behaviour.get("largest_read", 1 << 17), write, 0)


class Server(asyncssh.SSHServer):
    """One connection. Anyone who has a password gets in."""

    def connection_made(self, conn):
        self.connection = conn

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        with open(os.path.join(folder, "behaviour.json")) as file:
            reason = json.load(file).get("login_ends")
        if reason == 0:
            self.connection.abort()
        elif reason is not None:
            raise asyncssh.DisconnectError(reason, "not now")
        return True

    def session_requested(self):
        return Session(self.connection)


class Faultless(asyncssh.SFTPServer):
    """asyncssh's own."""

    def __init__(self, chan):
        super().__init__(chan, chroot=inbox)


class FaultlessServer(Server):
    """A connection to it."""

    def session_requested(self):
        return False


def show_one_key():
    """Against RFC 4253 section 8: the key is not of the type that was agreed on."""
    connection = asyncssh.connection.SSHServerConnection
    begin = connection.__init__

    def begin_with_all_types(self, *arguments, **options):
        begin(self, *arguments, **options)
        self._server_host_key_algs = [b"ssh-ed25519", b"ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp384",
                                      b"ecdsa-sha2-nistp521", b"rsa-sha2-256", b"rsa-sha2-512"]

    def choose(self, asked):
        print("the same key", flush=True)
        self._server_host_key = self._server_host_keys[b"ssh-ed25519"]
        return True

    connection.__init__ = begin_with_all_types
    connection.choose_server_host_key = choose


async def main():
    key = asyncssh.generate_private_key("ssh-ed25519")
    with open(os.path.join(folder, "host_key.pub"), "wb") as file:
        file.write(key.export_public_key())
    if sys.argv[2:] == ["asyncssh"]:
        chosen = {"server_factory": FaultlessServer, "sftp_factory": Faultless}
    else:
        chosen = {"server_factory": Server, "encoding": None}
    if sys.argv[2:] == ["one-key"]:
        show_one_key()
    server = await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key], **chosen)
    with open(os.path.join(folder, "port.new"), "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(os.path.join(folder, "port.new"), os.path.join(folder, "port"))
    await asyncio.Future()


asyncio.run(main())
