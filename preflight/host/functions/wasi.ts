import type { Host, HostFunction } from "../state/host.ts";
import { Errno } from "../values/status.ts";

const MAX_RANDOM = 65_536;
const STDOUT = 1;
const STDERR = 2;
/** fdstat of a descriptor with one right: fd_write. */
const OUTPUT_STAT = Uint8Array.from({ length: 24 }, (_, index) => (index === 8 ? 64 : 0));

/** The WASI functions of Envoy: there are a log, a clock, randomness and environment variables, but no files and sockets. */
export function wasiFunctions(host: Host): Record<string, HostFunction> {
  return { ...worldFunctions(host), ...descriptorFunctions(host), ...missingFunctions(host) };
}

function worldFunctions(host: Host): Record<string, HostFunction> {
  const { memory, options } = host;
  const done = (written: boolean): number => (written ? Errno.Success : Errno.Fault);
  const variables = options.env.map(({ name, value }) => Buffer.from(`${name}=${value}\0`));
  return {
    args_get: () => Errno.Success,
    args_sizes_get: (countTo: number, sizeTo: number) => done(memory.setWord(countTo, 0) && memory.setWord(sizeTo, 0)),
    environ_sizes_get: (countTo: number, sizeTo: number) =>
      done(
        memory.setWord(countTo, variables.length) &&
          memory.setWord(
            sizeTo,
            variables.reduce((sum, text) => sum + text.length, 0),
          ),
      ),
    environ_get(listTo: number, textTo: number) {
      let at = textTo;
      const written = variables.every((text, index) => {
        const both = memory.setWord(listTo + 4 * index, at) && memory.write(at, text);
        at += text.length;
        return both;
      });
      return done(written);
    },
    clock_res_get: (clock: number, to: number) => (clock > 1 ? Errno.NotSupported : done(memory.setLong(to, 1n))),
    clock_time_get: (clock: number, _precision: bigint, to: number) =>
      clock > 1 ? Errno.NotSupported : done(memory.setLong(to, options.now())),
    random_get(to: number, size: number) {
      if (size > MAX_RANDOM) return Errno.Invalid;
      return size === 0 ? Errno.Success : done(memory.write(to, options.random(size)));
    },
    sched_yield: () => Errno.Success,
    poll_oneoff: (_in: number, _out: number, _count: number, eventsTo: number) => done(memory.setWord(eventsTo, 0)),
    /** Envoy only records it. The module goes on after the call, mostly into an `unreachable`. */
    proc_exit: () => undefined,
  };
}

const isOutput = (descriptor: number): boolean => descriptor === STDOUT || descriptor === STDERR;

function descriptorFunctions(host: Host): Record<string, HostFunction> {
  const { memory } = host;
  const forOutput = (descriptor: number): number => (isOutput(descriptor) ? Errno.Success : Errno.BadDescriptor);
  const write = (descriptor: number, vectors: number, count: number, writtenTo: number): number => {
    if (!isOutput(descriptor)) return Errno.BadDescriptor;
    const text = gather(host, vectors, count);
    if (text === undefined) return Errno.Fault;
    if (text.length > 0) {
      const raw = text.toString("utf8");
      host.options.journal.log(descriptor === STDOUT ? "info" : "error", raw.replace(/\n$/, ""), raw);
    }
    return memory.setWord(writtenTo, text.length) ? Errno.Success : Errno.Fault;
  };
  return {
    fd_write: write,
    fd_pwrite: (descriptor: number, vectors: number, count: number, _offset: bigint, writtenTo: number) =>
      write(descriptor, vectors, count, writtenTo),
    fd_read: () => Errno.NoSystemCall,
    fd_pread: () => Errno.NoSystemCall,
    fd_seek: () => Errno.Success,
    fd_close: () => Errno.Success,
    fd_advise: () => Errno.Success,
    fd_allocate: forOutput,
    fd_datasync: forOutput,
    fd_sync: forOutput,
    fd_fdstat_set_rights: forOutput,
    fd_filestat_set_size: forOutput,
    fd_filestat_set_times: forOutput,
    fd_fdstat_get(descriptor: number, to: number) {
      if (!isOutput(descriptor)) return Errno.BadDescriptor;
      memory.write(to, OUTPUT_STAT);
      return Errno.Success;
    },
    fd_fdstat_set_flags: () => Errno.NoSystemCall,
    fd_filestat_get: () => Errno.BadDescriptor,
    fd_prestat_get: () => Errno.BadDescriptor,
    fd_prestat_dir_name: () => Errno.NoSystemCall,
    fd_renumber: (from: number, to: number) => (isOutput(from) && isOutput(to) ? Errno.NotSupported : Errno.BadDescriptor),
    fd_readdir: (_fd: number, _buffer: number, _size: number, _cookie: bigint, readTo: number) =>
      memory.setWord(readTo, 0) ? Errno.NotDirectory : Errno.Fault,
    fd_tell(descriptor: number, to: number) {
      if (!isOutput(descriptor)) return Errno.BadDescriptor;
      return memory.setLong(to, 0n) ? Errno.Success : Errno.Fault;
    },
  };
}

/** The bytes behind a list of (pointer, length) pairs. */
function gather(host: Host, vectors: number, count: number): Buffer | undefined {
  const parts: Uint8Array[] = [];
  for (let index = 0; index < count; index += 1) {
    const pointer = host.memory.word(vectors + 8 * index);
    const size = host.memory.word(vectors + 8 * index + 4);
    const part = pointer === undefined || size === undefined ? undefined : host.memory.read(pointer, size);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Files and sockets: the functions exist and always fail. */
function missingFunctions(host: Host): Record<string, HostFunction> {
  const { memory } = host;
  const unsupported = (): number => Errno.NotSupported;
  return {
    path_open: () => Errno.NoEntry,
    path_create_directory: unsupported,
    path_filestat_get: unsupported,
    path_filestat_set_times: unsupported,
    path_link: unsupported,
    path_readlink: (_fd: number, _path: number, _length: number, _buffer: number, _size: number, usedTo: number) =>
      memory.setWord(usedTo, 0) ? Errno.NotSupported : Errno.Fault,
    path_remove_directory: unsupported,
    path_rename: unsupported,
    path_symlink: unsupported,
    path_unlink_file: unsupported,
    sock_accept: (_fd: number, _flags: number, to: number) => (memory.setLong(to, 0n) ? Errno.NotSupported : Errno.Fault),
    sock_recv: (_fd: number, _data: number, _count: number, _flags: number, readTo: number, flagsTo: number) =>
      memory.setWord(readTo, 0) && memory.write(flagsTo, new Uint8Array(2)) ? Errno.NotSupported : Errno.Fault,
    sock_send: (_fd: number, _data: number, _count: number, _flags: number, sentTo: number) =>
      memory.setWord(sentTo, 0) ? Errno.NotSupported : Errno.Fault,
    sock_shutdown: unsupported,
  };
}
